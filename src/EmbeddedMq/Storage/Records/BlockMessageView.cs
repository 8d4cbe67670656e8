namespace EmbeddedMq.Storage.Records;

/// <summary>A message of a block as it is read. Layout: <see cref="QueueBlockFormat"/>.</summary>
/// <remarks>What the queue needs is read at once; texts, properties and body when they are asked for.</remarks>
internal readonly ref struct BlockMessageView
{
    private readonly QueueBlockReader _block;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _textsOffset;

    /// <summary>Reads the facts that come first.</summary>
    /// <param name="block">The block.</param>
    /// <param name="bytes">The message.</param>
    /// <param name="index">Its index within the block.</param>
    /// <param name="baseAddress">The address from which that of its id is counted.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal BlockMessageView(QueueBlockReader block, ReadOnlySpan<byte> bytes, int index, long baseAddress)
    {
        _block = block;
        _bytes = bytes;
        Index = index;
        ByteReader reader = new(bytes);
        byte flags = reader.Byte();
        if ((flags & ~QueueBlockFormat.AllFlags) != 0)
        {
            reader.Fail("a message of a block has unknown flags");
        }

        long address = baseAddress + Encoded.UnZigZag(reader.Varint((ulong)StoredId.MaxAddress << 1, "the step of an address"));
        int idIndex = (int)reader.Varint(StoredId.MaxMessages - 1, "an index");
        if (address is < 0 or > StoredId.MaxAddress)
        {
            reader.Fail("the address of an id is beyond its bounds");
        }

        int failedDeliveries = (flags & QueueBlockFormat.HasFailed) != 0 ? reader.VarInt32("a count of failed deliveries") : 0;
        bool expires = (flags & QueueBlockFormat.Expires) != 0;
        long expiresUtcMs = expires ? Encoded.UnZigZag(reader.Varint()) : BlockEntry.NoExpiry;
        if ((failedDeliveries == 0 && (flags & QueueBlockFormat.HasFailed) != 0) || (expires && expiresUtcMs == BlockEntry.NoExpiry))
        {
            reader.Fail("a flag of a message of a block says what is not so");
        }

        Entry = new BlockEntry(
            new StoredId(address, idIndex),
            expiresUtcMs,
            failedDeliveries,
            (flags & QueueBlockFormat.Redelivered) != 0,
            (flags & QueueBlockFormat.Transient) != 0);
        BodyFacts body = BodyFacts.Read(ref reader, bytes, (flags & QueueBlockFormat.IsChunked) != 0);
        BodyLength = body.Length;
        Chunks = body.Chunks;
        _textsOffset = reader.Position;
    }

    /// <summary>Its index within the block.</summary>
    internal int Index { get; }

    /// <summary>What the block says of it in its queue.</summary>
    internal BlockEntry Entry { get; }

    /// <summary>How long its body is, in bytes.</summary>
    internal int BodyLength { get; }

    /// <summary>Whether its body is in chunks.</summary>
    internal bool IsChunked => Chunks.Count > 0;

    /// <summary>Where the chunks of its body are; none when the block holds it.</summary>
    internal ChunkList Chunks { get; }

    /// <summary>The message, with a copy of its body, which the block holds.</summary>
    /// <param name="texts">Gives one object for equal texts; <see langword="null"/>: new ones each time.</param>
    /// <exception cref="RecordFormatException">Texts or properties are none.</exception>
    internal StoredMessage ToMessage(StringCache? texts)
    {
        if (IsChunked)
        {
            throw new InvalidOperationException("The body is in chunks: read them first. This is a defect of the broker.");
        }

        return ToMessage(texts, null, BodyLength);
    }

    /// <summary>The message, with a body that was put together from its chunks.</summary>
    /// <param name="texts">Gives one object for equal texts; <see langword="null"/>: new ones each time.</param>
    /// <param name="body">The body, of <see cref="BodyLength"/> bytes. Not copied.</param>
    /// <exception cref="RecordFormatException">Texts or properties are none.</exception>
    internal StoredMessage ToMessage(StringCache? texts, ReadOnlyMemory<byte> body)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(body.Length, BodyLength, nameof(body));
        return ToMessage(texts, body, IsChunked ? 0 : BodyLength);
    }

    private StoredMessage ToMessage(StringCache? texts, ReadOnlyMemory<byte>? body, int inlineLength)
    {
        // The facts were read with the whole body behind them, so that this much is there; texts may still reach into it.
        int bodyOffset = _bytes.Length - inlineLength;
        if (bodyOffset < _textsOffset)
        {
            RecordFormatException.Throw("the body of a message of a block is not there", _textsOffset, _bytes.Length);
        }

        ByteReader reader = new(_bytes[_textsOffset..bodyOffset]);
        string exchange = ReadText(ref reader, texts, isRoutingKey: false);
        string routingKey = ReadText(ref reader, texts, isRoutingKey: true);
        MessageProperties properties = PropertiesCodec.Read(ref reader, texts);
        reader.AssertAtEnd();
        Message message = body is { } given ? Message.TakeOwnership(given, properties) : new Message(_bytes[bodyOffset..], properties);
        return new StoredMessage(message, exchange, routingKey);
    }

    private string ReadText(scoped ref ByteReader reader, StringCache? texts, bool isRoutingKey)
    {
        byte distance = reader.Byte();
        if (distance == 0)
        {
            return reader.Text(texts);
        }

        if (distance > Math.Min(QueueBlockFormat.MaxDistance, Index))
        {
            reader.Fail($"a text is {distance} messages before message {Index}");
        }

        return _block[Index - distance].ReadOwnText(texts, isRoutingKey);
    }

    private string ReadOwnText(StringCache? texts, bool isRoutingKey)
    {
        ByteReader reader = new(_bytes[_textsOffset..]);
        byte distance = reader.Byte();
        if (isRoutingKey)
        {
            if (distance == 0)
            {
                reader.Blob();
            }

            distance = reader.Byte();
        }

        if (distance != 0)
        {
            reader.Fail("a text is taken from a message that has none itself");
        }

        return reader.Text(texts);
    }
}
