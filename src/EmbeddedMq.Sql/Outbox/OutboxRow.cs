using System.Data.Common;
using System.Runtime.InteropServices;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Errors;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Sql.Outbox;

/// <summary>A message of the outbox as a row.</summary>
/// <remarks>The column <c>properties</c> is a byte that names the format, 1, and then what <see cref="PropertiesCodec"/> writes, to the end.</remarks>
internal static class OutboxRow
{
    /// <summary>The columns that <see cref="Read"/> reads, in this order.</summary>
    internal const string Columns = "seq, id, exchange, routing_key, mandatory, order_key, properties, status, attempts, stored_at, changed_at, due_at, last_error, body";

    /// <summary>What <c>due_at</c> is of a message that waits behind others of its order key.</summary>
    internal const long BehindOthers = long.MaxValue;

    /// <summary>What <c>due_at</c> is of a message that was given up.</summary>
    internal const long Never = long.MaxValue - 1;

    private const byte Format = 1;

    /// <summary>Writes properties.</summary>
    internal static byte[] WriteProperties(MessageProperties properties)
    {
        byte[] bytes = new byte[1 + PropertiesCodec.GetLength(properties)];
        bytes[0] = Format;
        ByteWriter writer = new(bytes.AsSpan(1));
        PropertiesCodec.Write(ref writer, properties);
        writer.AssertFull();
        return bytes;
    }

    /// <summary>Reads properties.</summary>
    /// <param name="id">The message, for the error.</param>
    /// <param name="bytes">What <see cref="WriteProperties"/> wrote.</param>
    /// <exception cref="InvalidOperationException">A later version wrote them.</exception>
    internal static MessageProperties ReadProperties(string id, ReadOnlySpan<byte> bytes)
    {
        byte format = bytes.IsEmpty ? (byte)0 : bytes[0];
        if (format != Format)
        {
            throw SqlErrors.UnknownFormat(id, format);
        }

        ByteReader reader = new(bytes[1..]);
        MessageProperties properties = PropertiesCodec.Read(ref reader, null);
        reader.AssertAtEnd();
        return properties;
    }

    /// <summary>A body as drivers take it.</summary>
    internal static byte[] BodyOf(Message message)
        => MemoryMarshal.TryGetArray(message.Body, out ArraySegment<byte> segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length
            ? segment.Array
            : message.Body.ToArray();

    /// <summary>Reads the row under the reader.</summary>
    internal static OutboxRecord Read(DbDataReader reader, SqlDialect dialect)
    {
        string id = dialect.ReadKey(reader, 1);
        return new OutboxRecord
        {
            Seq = reader.GetInt64(0),
            Message = new OutboxMessage
            {
                Id = id,
                Exchange = dialect.ReadText(reader, 2),
                RoutingKey = dialect.ReadText(reader, 3),
                Mandatory = reader.GetInt16(4) != 0,
                OrderKey = reader.IsDBNull(5) ? null : dialect.ReadKey(reader, 5),
                Message = Message.TakeOwnership(reader.GetFieldValue<byte[]>(13), ReadProperties(id, reader.GetFieldValue<byte[]>(6))),
            },
            Status = (OutboxStatus)reader.GetInt16(7),
            Attempts = reader.GetInt32(8),
            StoredAt = reader.GetInt64(9),
            ChangedAt = reader.GetInt64(10),
            DueAt = reader.GetInt64(11),
            LastError = reader.IsDBNull(12) ? null : dialect.ReadText(reader, 12),
        };
    }

    /// <summary>What a row says to the outside.</summary>
    internal static OutboxEntry Describe(OutboxRecord row) => new()
    {
        Message = row.Message,
        Status = row.Status,
        Attempts = row.Attempts,
        LastError = row.LastError,
        StoredAt = SqlClock.ToTime(row.StoredAt),
        ChangedAt = SqlClock.ToTime(row.ChangedAt),
        DueAt = SqlClock.ToTime(row.DueAt is Never or BehindOthers ? row.ChangedAt : row.DueAt),
    };
}
