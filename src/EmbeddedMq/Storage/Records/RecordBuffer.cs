namespace EmbeddedMq.Storage.Records;

/// <summary>Bytes of a record that is built piece by piece; grows as needed. Off the hot path.</summary>
/// <remarks>Not thread-safe. The forms are those of <see cref="ByteWriter"/>.</remarks>
internal sealed class RecordBuffer
{
    private const int FirstCapacity = 1024;

    private byte[] _bytes = new byte[FirstCapacity];

    /// <summary>How many bytes it holds.</summary>
    internal int Length { get; private set; }

    /// <summary>The bytes; valid until the next change.</summary>
    internal ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    internal void Byte(byte value) => Reserve(1)[0] = value;

    internal void Varint(ulong value) => Writer(Encoded.VarintLength(value)).Varint(value);

    internal void Text(string text) => Writer(Encoded.TextLength(text)).Text(text);

    internal void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    internal void Blob(ReadOnlySpan<byte> bytes) => Writer(Encoded.BlobLength(bytes.Length)).Blob(bytes);

    internal void Id(StoredId id) => Writer(Encoded.IdLength(id)).Id(id);

    internal void Table(HeaderTable table)
    {
        ByteWriter writer = Writer(HeaderTableCodec.GetLength(table));
        HeaderTableCodec.Write(ref writer, table);
    }

    /// <summary>Makes room for bytes that the caller writes.</summary>
    /// <param name="length">How many.</param>
    internal ByteWriter Writer(int length) => new(Reserve(length));

    /// <summary>Forgets what follows a position.</summary>
    /// <param name="length">How many bytes stay.</param>
    internal void Truncate(int length) => Length = length;

    /// <summary>The bytes in an array of their own.</summary>
    internal byte[] ToArray() => Span.ToArray();

    private Span<byte> Reserve(int length)
    {
        int needed = checked(Length + length);
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Math.Max(needed, 2L * _bytes.Length), Array.MaxLength));
        }

        Span<byte> reserved = _bytes.AsSpan(Length, length);
        Length = needed;
        return reserved;
    }
}
