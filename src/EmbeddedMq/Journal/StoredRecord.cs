namespace EmbeddedMq.Journal;

/// <summary>One record read by its address. The bytes belong to the caller, who may keep them.</summary>
/// <param name="Kind">What the appender said it is.</param>
/// <param name="Lsn">Its number in its log.</param>
/// <param name="Timestamp">When it was appended: milliseconds since 1970, UTC.</param>
/// <param name="Body">The body.</param>
internal readonly record struct StoredRecord(byte Kind, long Lsn, long Timestamp, ReadOnlyMemory<byte> Body);
