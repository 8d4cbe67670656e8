namespace EmbeddedMq.Storage.Records;

/// <summary>A message's properties as bytes: what is set comes back as it was, what is not set stays so.</summary>
/// <remarks>
/// Two bytes of flags, with AMQP's bits for what is set (source: AMQP 0-9-1 §4.2.6.1), then in the order of the bits, the highest first:
/// <code>
/// 15 content type   text                        8 expiration  text
/// 14 encoding       text                        7 message id  text
/// 13 headers        <see cref="HeaderTableCodec"/>            6 timestamp   8 bytes, UTC in ticks of 100 ns since year 1;
/// 12 delivery mode  one byte                                  then its offset in minutes, varint, sign in the lowest bit
/// 11 priority       one byte                    5 type        text
/// 10 correlation id text                        4 user id     text
///  9 reply to       text                        3 app id      text
///                                               2 cluster id  text
/// </code>
/// The lowest two bits are zero.
/// </remarks>
internal static class PropertiesCodec
{
    private const int FlagsBytes = sizeof(ushort);
    private const int MaxOffsetMinutes = 14 * 60; // as DateTimeOffset has it

    [Flags]
    private enum Set : ushort
    {
        None = 0,
        Unknown = 0b11,
        ClusterId = 1 << 2,
        AppId = 1 << 3,
        UserId = 1 << 4,
        Type = 1 << 5,
        Timestamp = 1 << 6,
        MessageId = 1 << 7,
        Expiration = 1 << 8,
        ReplyTo = 1 << 9,
        CorrelationId = 1 << 10,
        Priority = 1 << 11,
        DeliveryMode = 1 << 12,
        Headers = 1 << 13,
        ContentEncoding = 1 << 14,
        ContentType = 1 << 15,
    }

    /// <summary>How many bytes properties take.</summary>
    /// <param name="properties">The properties.</param>
    /// <exception cref="ArgumentException">The headers are nested deeper than <see cref="HeaderTableCodec.MaxDepth"/>.</exception>
    internal static int GetLength(MessageProperties properties)
    {
        if (ReferenceEquals(properties, MessageProperties.Empty))
        {
            return FlagsBytes;
        }

        int length = FlagsBytes
            + TextLength(properties.ContentType) + TextLength(properties.ContentEncoding)
            + (properties.DeliveryMode is null ? 0 : 1) + (properties.Priority is null ? 0 : 1)
            + TextLength(properties.CorrelationId) + TextLength(properties.ReplyTo) + TextLength(properties.Expiration)
            + TextLength(properties.MessageId) + TextLength(properties.Type) + TextLength(properties.UserId)
            + TextLength(properties.AppId) + TextLength(properties.ClusterId);
        if (properties.Headers is { } headers)
        {
            length = checked(length + HeaderTableCodec.GetLength(headers));
        }

        return properties.Timestamp is { } time ? checked(length + sizeof(long) + Encoded.VarintLength(OffsetOf(time))) : length;
    }

    /// <summary>Writes properties.</summary>
    /// <param name="writer">The writer.</param>
    /// <param name="properties">The properties.</param>
    internal static void Write(ref ByteWriter writer, MessageProperties properties)
    {
        Set set = ReferenceEquals(properties, MessageProperties.Empty) ? Set.None : FlagsOf(properties);
        writer.UInt16((ushort)set);
        if (set == Set.None)
        {
            return;
        }

        WriteText(ref writer, properties.ContentType);
        WriteText(ref writer, properties.ContentEncoding);
        if (properties.Headers is { } headers)
        {
            HeaderTableCodec.Write(ref writer, headers);
        }

        if (properties.DeliveryMode is { } mode)
        {
            writer.Byte((byte)mode);
        }

        if (properties.Priority is { } priority)
        {
            writer.Byte(priority);
        }

        WriteText(ref writer, properties.CorrelationId);
        WriteText(ref writer, properties.ReplyTo);
        WriteText(ref writer, properties.Expiration);
        WriteText(ref writer, properties.MessageId);
        if (properties.Timestamp is { } time)
        {
            writer.Int64(time.UtcTicks);
            writer.Varint(OffsetOf(time));
        }

        WriteText(ref writer, properties.Type);
        WriteText(ref writer, properties.UserId);
        WriteText(ref writer, properties.AppId);
        WriteText(ref writer, properties.ClusterId);
    }

    /// <summary>Reads properties.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="texts">Gives one object for equal texts of those that repeat: content types, names of headers, users.</param>
    /// <returns>The properties; shared objects for none and for persistent alone.</returns>
    /// <exception cref="RecordFormatException">They are none.</exception>
    internal static MessageProperties Read(scoped ref ByteReader reader, StringCache? texts)
    {
        Set set = (Set)reader.UInt16();
        if ((set & Set.Unknown) != 0)
        {
            reader.Fail("properties are set that do not exist");
        }

        if (set == Set.None)
        {
            return MessageProperties.Empty;
        }

        // Initializers run in the order in which they are written, which is that of the bytes.
        MessageProperties properties = new()
        {
            ContentType = ReadText(ref reader, set, Set.ContentType, texts),
            ContentEncoding = ReadText(ref reader, set, Set.ContentEncoding, texts),
            Headers = (set & Set.Headers) != 0 ? HeaderTableCodec.Read(ref reader, texts) : null,
            DeliveryMode = (set & Set.DeliveryMode) != 0 ? (DeliveryMode)reader.Byte() : null,
            Priority = (set & Set.Priority) != 0 ? reader.Byte() : null,
            CorrelationId = ReadText(ref reader, set, Set.CorrelationId, null),
            ReplyTo = ReadText(ref reader, set, Set.ReplyTo, texts),
            Expiration = ReadText(ref reader, set, Set.Expiration, texts),
            MessageId = ReadText(ref reader, set, Set.MessageId, null),
            Timestamp = (set & Set.Timestamp) != 0 ? ReadTimestamp(ref reader) : null,
            Type = ReadText(ref reader, set, Set.Type, texts),
            UserId = ReadText(ref reader, set, Set.UserId, texts),
            AppId = ReadText(ref reader, set, Set.AppId, texts),
            ClusterId = ReadText(ref reader, set, Set.ClusterId, texts),
        };
        return set == Set.DeliveryMode && properties.IsPersistent ? MessageProperties.Persistent : properties;
    }

    private static Set FlagsOf(MessageProperties properties)
        => (properties.ContentType is null ? Set.None : Set.ContentType)
        | (properties.ContentEncoding is null ? Set.None : Set.ContentEncoding)
        | (properties.Headers is null ? Set.None : Set.Headers)
        | (properties.DeliveryMode is null ? Set.None : Set.DeliveryMode)
        | (properties.Priority is null ? Set.None : Set.Priority)
        | (properties.CorrelationId is null ? Set.None : Set.CorrelationId)
        | (properties.ReplyTo is null ? Set.None : Set.ReplyTo)
        | (properties.Expiration is null ? Set.None : Set.Expiration)
        | (properties.MessageId is null ? Set.None : Set.MessageId)
        | (properties.Timestamp is null ? Set.None : Set.Timestamp)
        | (properties.Type is null ? Set.None : Set.Type)
        | (properties.UserId is null ? Set.None : Set.UserId)
        | (properties.AppId is null ? Set.None : Set.AppId)
        | (properties.ClusterId is null ? Set.None : Set.ClusterId);

    private static int TextLength(string? text) => text is null ? 0 : Encoded.TextLength(text);

    private static void WriteText(ref ByteWriter writer, string? text)
    {
        if (text is not null)
        {
            writer.Text(text);
        }
    }

    private static string? ReadText(scoped ref ByteReader reader, Set set, Set which, StringCache? texts) => (set & which) != 0 ? reader.Text(texts) : null;

    private static ulong OffsetOf(DateTimeOffset time) => Encoded.ZigZag(time.TotalOffsetMinutes);

    private static DateTimeOffset ReadTimestamp(scoped ref ByteReader reader)
    {
        long utcTicks = reader.Int64();
        long offsetMinutes = Encoded.UnZigZag(reader.Varint());
        if (offsetMinutes is < -MaxOffsetMinutes or > MaxOffsetMinutes
            || !IsInCalendar(utcTicks)
            || !IsInCalendar(utcTicks + (offsetMinutes * TimeSpan.TicksPerMinute)))
        {
            reader.Fail("a timestamp is beyond the calendar");
        }

        return new DateTimeOffset(utcTicks, TimeSpan.Zero).ToOffset(TimeSpan.FromMinutes(offsetMinutes));
    }

    private static bool IsInCalendar(long ticks) => ticks >= 0 && ticks <= DateTime.MaxValue.Ticks;
}
