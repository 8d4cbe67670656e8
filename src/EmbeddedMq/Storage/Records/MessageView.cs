namespace EmbeddedMq.Storage.Records;

/// <summary>A message of a batch as it is read. Layout: <see cref="MessageCodec"/>.</summary>
/// <remarks>What recovery needs is read at once; texts, properties and body when they are asked for.</remarks>
internal readonly ref struct MessageView
{
    private readonly int _refsOffset;
    private readonly int _refCount;

    /// <summary>Reads the facts that come first.</summary>
    /// <param name="bytes">The message.</param>
    /// <param name="index">Its index within its record.</param>
    /// <param name="offset">Where it begins within its record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal MessageView(ReadOnlySpan<byte> bytes, int index, int offset)
    {
        Bytes = bytes;
        Index = index;
        Offset = offset;
        ByteReader reader = new(bytes);
        byte flags = reader.Byte();
        if ((flags & ~MessageCodec.AllFlags) != 0)
        {
            reader.Fail("a message has unknown flags");
        }

        if ((flags & MessageCodec.HasPriority) != 0)
        {
            Priority = reader.Byte();
            if (Priority == 0)
            {
                reader.Fail("a priority is 0");
            }
        }

        BodyFacts body = BodyFacts.Read(ref reader, bytes, (flags & MessageCodec.IsChunked) != 0);
        BodyLength = body.Length;
        Chunks = body.Chunks;
        _refCount = reader.Count("refs");
        _refsOffset = reader.Position;
    }

    /// <summary>Its index within its record: <see cref="StoredId.Index"/>.</summary>
    internal int Index { get; }

    /// <summary>Where it begins within the body of its record, in bytes.</summary>
    internal int Offset { get; }

    /// <summary>The whole message.</summary>
    internal ReadOnlySpan<byte> Bytes { get; }

    /// <summary>Its priority, 0 for none.</summary>
    internal byte Priority { get; }

    /// <summary>How long its body is, in bytes.</summary>
    internal int BodyLength { get; }

    /// <summary>Whether its body is in chunks.</summary>
    internal bool IsChunked => Chunks.Count > 0;

    /// <summary>Where the chunks of its body are; none when the record holds it.</summary>
    internal ChunkList Chunks { get; }

    /// <summary>The queues that hold it.</summary>
    internal RefList Refs => new(Bytes[_refsOffset..], _refCount);

    /// <summary>Texts, properties and body.</summary>
    /// <exception cref="RecordFormatException">The refs are none.</exception>
    internal ContentView Content
    {
        get
        {
            RefList.Enumerator refs = Refs.GetEnumerator();
            while (refs.MoveNext())
            {
            }

            return new ContentView(Bytes[(_refsOffset + refs.Position)..], IsChunked ? 0 : BodyLength);
        }
    }

    /// <summary>The message, with a copy of its body, which the record holds.</summary>
    /// <param name="texts">Gives one object for equal texts; <see langword="null"/>: new ones each time.</param>
    /// <exception cref="RecordFormatException">Texts or properties are none.</exception>
    internal StoredMessage ToMessage(StringCache? texts)
    {
        if (IsChunked)
        {
            throw new InvalidOperationException("The body is in chunks: read them first. This is a defect of the broker.");
        }

        return Content.ToMessage(texts, null);
    }

    /// <summary>The message, with a body that was put together from its chunks.</summary>
    /// <param name="texts">Gives one object for equal texts; <see langword="null"/>: new ones each time.</param>
    /// <param name="body">The body, of <see cref="BodyLength"/> bytes. Not copied.</param>
    /// <exception cref="RecordFormatException">Texts or properties are none.</exception>
    internal StoredMessage ToMessage(StringCache? texts, ReadOnlyMemory<byte> body)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(body.Length, BodyLength, nameof(body));
        return Content.ToMessage(texts, body);
    }
}
