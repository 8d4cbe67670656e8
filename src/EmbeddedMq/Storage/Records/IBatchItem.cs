namespace EmbeddedMq.Storage.Records;

/// <summary>What a <see cref="BatchBody"/> holds a section of.</summary>
internal interface IBatchItem
{
    /// <summary>How many bytes it takes.</summary>
    /// <exception cref="ArgumentException">It cannot be written.</exception>
    int GetLength();

    /// <summary>Writes it.</summary>
    /// <param name="writer">The writer.</param>
    void Write(ref ByteWriter writer);
}
