namespace EmbeddedMq.Storage.Records;

/// <summary>The length of a body and the addresses of its chunks, as messages of batches and blocks begin. Layout: <see cref="MessageCodec"/>.</summary>
internal readonly ref struct BodyFacts
{
    private BodyFacts(int length, ChunkList chunks)
    {
        Length = length;
        Chunks = chunks;
    }

    /// <summary>How long the body is, in bytes.</summary>
    internal int Length { get; }

    /// <summary>Where its chunks are.</summary>
    internal ChunkList Chunks { get; }

    /// <summary>How many bytes of the body the record holds.</summary>
    internal int InlineLength => Chunks.Count == 0 ? Length : 0;

    /// <summary>Reads them, and checks that a body within the record can be there.</summary>
    /// <param name="reader">The reader of the message.</param>
    /// <param name="message">The same message.</param>
    /// <param name="isChunked">Whether the body is in chunks.</param>
    /// <exception cref="RecordFormatException">They are none.</exception>
    internal static BodyFacts Read(scoped ref ByteReader reader, ReadOnlySpan<byte> message, bool isChunked)
    {
        int length = reader.VarInt32("the length of a body");
        if (!isChunked)
        {
            if (length > reader.Remaining)
            {
                reader.Fail($"a body of {length} bytes is not there");
            }

            return new BodyFacts(length, default);
        }

        int count = reader.Count("chunks");
        if (count == 0)
        {
            reader.Fail("a body in chunks has none");
        }

        ChunkList chunks = new(message[reader.Position..], count);
        foreach (long _ in chunks)
        {
            reader.Address();
        }

        return new BodyFacts(length, chunks);
    }
}
