namespace EmbeddedMq.Journal;

/// <summary>A record body that is ready as bytes.</summary>
/// <param name="bytes">The body.</param>
internal readonly ref struct RecordBytes(ReadOnlySpan<byte> bytes) : IRecordBody
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public int GetLength() => _bytes.Length;

    public void Write(Span<byte> destination) => _bytes.CopyTo(destination);
}
