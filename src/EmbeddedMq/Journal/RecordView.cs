namespace EmbeddedMq.Journal;

/// <summary>One record as a reader passes it by. Valid until the reader moves on.</summary>
/// <param name="Address">Where the record is.</param>
/// <param name="NextAddress">Where the next one may be: reading on from here misses nothing.</param>
/// <param name="Kind">What the appender said it is.</param>
/// <param name="Lsn">Its number in its log: 1, 2, 3 … without gaps, across openings.</param>
/// <param name="Timestamp">When it was appended: milliseconds since 1970, UTC.</param>
/// <param name="Body">The body; the buffer is used again for the next record.</param>
internal readonly record struct RecordView(long Address, long NextAddress, byte Kind, long Lsn, long Timestamp, ReadOnlyMemory<byte> Body);
