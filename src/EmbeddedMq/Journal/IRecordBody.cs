namespace EmbeddedMq.Journal;

/// <summary>The body of a record that writes itself into the log's buffer, so that appending copies it once and allocates nothing.</summary>
internal interface IRecordBody
{
    /// <summary>The exact number of bytes, from 0 to <see cref="IAppendLog.MaxRecordBytes"/>.</summary>
    int GetLength();

    /// <summary>Writes the whole body. Called once, under the log's appender lock: quick, and without a call back into the log.</summary>
    /// <param name="destination">Exactly <see cref="GetLength"/> bytes of unknown content; each must be written.</param>
    void Write(Span<byte> destination);
}
