namespace EmbeddedMq.Storage.Records;

/// <summary>A message's body as a record holds it: its bytes, or the addresses of the <see cref="BodyChunk"/>s that hold them.</summary>
internal readonly struct StoredBody
{
    private StoredBody(int length, ReadOnlyMemory<byte> bytes, ReadOnlyMemory<long> chunkAddresses)
    {
        Length = length;
        Bytes = bytes;
        ChunkAddresses = chunkAddresses;
    }

    /// <summary>How long the body is, in bytes.</summary>
    internal int Length { get; }

    /// <summary>The body; empty when it is in chunks.</summary>
    internal ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Where its chunks are, in order; empty when the record holds it.</summary>
    internal ReadOnlyMemory<long> ChunkAddresses { get; }

    /// <summary>Whether it is in chunks.</summary>
    internal bool IsChunked => !ChunkAddresses.IsEmpty;

    /// <summary>A body within the record.</summary>
    /// <param name="bytes">The body.</param>
    internal static StoredBody Inline(ReadOnlyMemory<byte> bytes) => new(bytes.Length, bytes, default);

    /// <summary>The length of a body within the record, whose bytes are written by other means.</summary>
    /// <param name="length">How long it is.</param>
    internal static StoredBody InlineOf(int length) => new(length, default, default);

    /// <summary>A body in chunks.</summary>
    /// <param name="length">How long it is in all.</param>
    /// <param name="chunkAddresses">Where the chunks are, in order; at least one.</param>
    internal static StoredBody Chunked(int length, ReadOnlyMemory<long> chunkAddresses)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfZero(chunkAddresses.Length, nameof(chunkAddresses));
        return new StoredBody(length, default, chunkAddresses);
    }
}
