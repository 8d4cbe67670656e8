namespace EmbeddedMq.Storage.Records;

/// <summary>The end of a message of a batch, as it is read: exchange, routing key, properties, and the body unless it is in chunks.</summary>
/// <param name="bytes">Its bytes.</param>
/// <param name="bodyLength">How many of them, at the end, are the body.</param>
internal readonly ref struct ContentView(ReadOnlySpan<byte> bytes, int bodyLength)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Reads all of it.</summary>
    /// <param name="texts">Gives one object for equal texts; <see langword="null"/>: new ones each time.</param>
    /// <param name="body">The body, not copied; <see langword="null"/>: the bytes at the end, copied.</param>
    /// <exception cref="RecordFormatException">Texts or properties are none, or do not end where the body begins.</exception>
    internal StoredMessage ToMessage(StringCache? texts, ReadOnlyMemory<byte>? body)
    {
        ByteReader reader = Reader();
        string exchange = reader.Text(texts);
        string routingKey = reader.Text(texts);
        MessageProperties properties = PropertiesCodec.Read(ref reader, texts);
        reader.AssertAtEnd();
        Message message = body is { } given ? Message.TakeOwnership(given, properties) : new Message(Body(), properties);
        return new StoredMessage(message, exchange, routingKey);
    }

    /// <summary>Cuts it into its parts without reading them.</summary>
    /// <param name="exchange">The exchange, in UTF-8.</param>
    /// <param name="routingKey">The routing key, in UTF-8.</param>
    /// <param name="properties">The properties, see <see cref="PropertiesCodec"/>.</param>
    /// <exception cref="RecordFormatException">It cannot be cut.</exception>
    internal void Cut(out ReadOnlySpan<byte> exchange, out ReadOnlySpan<byte> routingKey, out ReadOnlySpan<byte> properties)
    {
        ByteReader reader = Reader();
        exchange = reader.Blob();
        routingKey = reader.Blob();
        properties = reader.Bytes(reader.Remaining);
    }

    /// <summary>The body; empty when it is in chunks.</summary>
    /// <exception cref="RecordFormatException">It is not there.</exception>
    internal ReadOnlySpan<byte> Body()
    {
        CheckBody();
        return _bytes[^bodyLength..];
    }

    private ByteReader Reader()
    {
        CheckBody();
        return new ByteReader(_bytes[..^bodyLength]);
    }

    private void CheckBody()
    {
        if (bodyLength > _bytes.Length)
        {
            RecordFormatException.Throw($"a body of {bodyLength} bytes is not there", 0, _bytes.Length);
        }
    }
}
