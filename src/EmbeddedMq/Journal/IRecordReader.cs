namespace EmbeddedMq.Journal;

/// <summary>Reads a stretch of a log from front to back. For one thread.</summary>
internal interface IRecordReader : IDisposable
{
    /// <summary>Moves to the next record.</summary>
    /// <param name="record">The record; valid until the next call.</param>
    /// <returns>False at the end of the stretch.</returns>
    /// <exception cref="JournalException">A record is damaged or a file cannot be read; names the file and the address.</exception>
    bool TryRead(out RecordView record);
}
