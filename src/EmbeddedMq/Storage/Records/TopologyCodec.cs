namespace EmbeddedMq.Storage.Records;

/// <summary>Topology items as bytes: each is a byte that names its kind, then its fields.</summary>
/// <remarks>
/// <code>
///  1 virtual host added     text name
///  2 virtual host removed   text name
///  3 exchange declared      text virtual host, varint id, text name, text type, byte flags: 1 durable, 2 auto-delete, 4 internal; arguments
///  4 exchange deleted       text virtual host, text name
///  5 queue declared         text virtual host, varint id, text name, byte flags: 1 durable, 2 auto-delete, 4 exclusive; arguments
///  6 queue deleted          varint id
///  7 bound, 8 unbound       text virtual host, text source, byte destination: 0 queue, 1 exchange; text destination, text key, arguments
///  9 policy set             text virtual host, text name, text pattern, byte target in the order of <see cref="PolicyTarget"/>,
///                           varint priority, sign in the lowest bit; definition
/// 10 policy deleted         text virtual host, text name
/// 11 queue touched          varint id
/// 12 queue block kept       see <see cref="QueueBlockKeptCodec"/>
/// 14 queue redelivered      varint id, id of a message
/// 15 receipt block kept     varint address, varint length, varint count, varint milliseconds since 1970
/// 16 next queue id          varint id
/// </code>
/// Arguments and definitions are tables, see <see cref="HeaderTableCodec"/>.
/// </remarks>
internal static class TopologyCodec
{
    private const byte DurableFlag = 1;
    private const byte AutoDeleteFlag = 2;
    private const byte OtherFlag = 4; // of an exchange: internal; of a queue: exclusive
    private const byte AllFlags = DurableFlag | AutoDeleteFlag | OtherFlag;

    private enum Kind : byte
    {
        VirtualHostAdded = 1,
        VirtualHostRemoved,
        ExchangeDeclared,
        ExchangeDeleted,
        QueueDeclared,
        QueueDeleted,
        Bound,
        Unbound,
        PolicySet,
        PolicyDeleted,
        QueueTouched,
        QueueBlockKept,
        QueueRedelivered = 14, // 13 is not given again
        ReceiptBlockKept,
        NextQueueId,
    }

    /// <summary>Writes an item.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="item">The item.</param>
    /// <exception cref="ArgumentException">Its arguments are nested too deep to be stored.</exception>
    internal static void Write(RecordBuffer buffer, TopologyItem item)
    {
        switch (item)
        {
            case TopologyItem.VirtualHostAdded added:
                WriteTexts(buffer, Kind.VirtualHostAdded, added.Name);
                break;
            case TopologyItem.VirtualHostRemoved removed:
                WriteTexts(buffer, Kind.VirtualHostRemoved, removed.Name);
                break;
            case TopologyItem.ExchangeDeclared(string host, uint id, ExchangeDeclaration exchange):
                WriteTexts(buffer, Kind.ExchangeDeclared, host);
                buffer.Varint(id);
                buffer.Text(exchange.Name);
                buffer.Text(exchange.Type);
                buffer.Byte(FlagsOf(exchange.IsDurable, exchange.IsAutoDelete, exchange.IsInternal));
                buffer.Table(exchange.Arguments);
                break;
            case TopologyItem.ExchangeDeleted deleted:
                WriteTexts(buffer, Kind.ExchangeDeleted, deleted.VirtualHost, deleted.Name);
                break;
            case TopologyItem.QueueDeclared(string host, uint id, QueueDeclaration queue):
                WriteTexts(buffer, Kind.QueueDeclared, host);
                buffer.Varint(id);
                buffer.Text(queue.Name);
                buffer.Byte(FlagsOf(queue.IsDurable, queue.IsAutoDelete, queue.IsExclusive));
                buffer.Table(queue.Arguments);
                break;
            case TopologyItem.QueueDeleted deleted:
                WriteId(buffer, Kind.QueueDeleted, deleted.Id);
                break;
            case TopologyItem.Bound(string host, string source, DestinationKind kind, string destination, string key, HeaderTable arguments):
                WriteBinding(buffer, Kind.Bound, host, source, kind, destination, key, arguments);
                break;
            case TopologyItem.Unbound(string host, string source, DestinationKind kind, string destination, string key, HeaderTable arguments):
                WriteBinding(buffer, Kind.Unbound, host, source, kind, destination, key, arguments);
                break;
            case TopologyItem.PolicySet(string host, Policy policy):
                WriteTexts(buffer, Kind.PolicySet, host, policy.Name, policy.Pattern);
                buffer.Byte((byte)policy.ApplyTo);
                buffer.Varint(Encoded.ZigZag(policy.Priority));
                buffer.Table(policy.Definition);
                break;
            case TopologyItem.PolicyDeleted deleted:
                WriteTexts(buffer, Kind.PolicyDeleted, deleted.VirtualHost, deleted.Name);
                break;
            case TopologyItem.QueueTouched touched:
                WriteId(buffer, Kind.QueueTouched, touched.Id);
                break;
            case TopologyItem.QueueRedelivered redelivered:
                WriteId(buffer, Kind.QueueRedelivered, redelivered.Id);
                buffer.Id(redelivered.Below);
                break;
            case TopologyItem.QueueBlockKept kept:
                buffer.Byte((byte)Kind.QueueBlockKept);
                QueueBlockKeptCodec.Write(buffer, kept);
                break;
            case TopologyItem.ReceiptBlockKept block:
                buffer.Byte((byte)Kind.ReceiptBlockKept);
                buffer.Varint((ulong)block.Address);
                buffer.Varint((uint)block.Length);
                buffer.Varint((uint)block.Count);
                buffer.Varint((ulong)block.LastUtcMs);
                break;
            case TopologyItem.NextQueueId next:
                WriteId(buffer, Kind.NextQueueId, next.Id);
                break;
            default:
                throw new InvalidOperationException($"There is no layout for a {item.GetType()}. This is a defect of the broker.");
        }
    }

    /// <summary>Reads an item.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="texts">Gives one object for equal texts.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static TopologyItem Read(scoped ref ByteReader reader, StringCache? texts)
    {
        Kind kind = (Kind)reader.Byte();
        switch (kind)
        {
            case Kind.VirtualHostAdded:
                return new TopologyItem.VirtualHostAdded(reader.Text(texts));
            case Kind.VirtualHostRemoved:
                return new TopologyItem.VirtualHostRemoved(reader.Text(texts));
            case Kind.ExchangeDeclared:
                return new TopologyItem.ExchangeDeclared(reader.Text(texts), reader.VarUInt32("an id"), ReadExchange(ref reader, texts));
            case Kind.ExchangeDeleted:
                return new TopologyItem.ExchangeDeleted(reader.Text(texts), reader.Text(texts));
            case Kind.QueueDeclared:
                return new TopologyItem.QueueDeclared(reader.Text(texts), reader.VarUInt32("an id"), ReadQueue(ref reader, texts));
            case Kind.QueueDeleted:
                return new TopologyItem.QueueDeleted(reader.VarUInt32("an id"));
            case Kind.Bound:
                return new TopologyItem.Bound(
                    reader.Text(texts), reader.Text(texts), ReadDestination(ref reader), reader.Text(texts), reader.Text(texts), ReadTable(ref reader, texts));
            case Kind.Unbound:
                return new TopologyItem.Unbound(
                    reader.Text(texts), reader.Text(texts), ReadDestination(ref reader), reader.Text(texts), reader.Text(texts), ReadTable(ref reader, texts));
            case Kind.QueueRedelivered:
                return new TopologyItem.QueueRedelivered(reader.VarUInt32("an id"), reader.Id());
            case Kind.PolicySet:
                return new TopologyItem.PolicySet(reader.Text(texts), ReadPolicy(ref reader, texts));
            case Kind.PolicyDeleted:
                return new TopologyItem.PolicyDeleted(reader.Text(texts), reader.Text(texts));
            case Kind.QueueTouched:
                return new TopologyItem.QueueTouched(reader.VarUInt32("an id"));
            case Kind.QueueBlockKept:
                return QueueBlockKeptCodec.Read(ref reader);
            case Kind.ReceiptBlockKept:
                return new TopologyItem.ReceiptBlockKept(
                    reader.Address(),
                    reader.VarInt32("the length of a block"),
                    (int)reader.Varint(ReceiptBlock.MaxCount, "a count of receipts"),
                    (long)reader.Varint(long.MaxValue, "a time"));
            case Kind.NextQueueId:
                return new TopologyItem.NextQueueId(reader.VarUInt32("an id"));
            default:
                reader.Fail($"no topology item is of kind {(byte)kind}");
                return null;
        }
    }

    private static void WriteTexts(RecordBuffer buffer, Kind kind, params ReadOnlySpan<string> texts)
    {
        buffer.Byte((byte)kind);
        foreach (string text in texts)
        {
            buffer.Text(text);
        }
    }

    private static void WriteId(RecordBuffer buffer, Kind kind, uint id)
    {
        buffer.Byte((byte)kind);
        buffer.Varint(id);
    }

    private static void WriteBinding(
        RecordBuffer buffer, Kind kind, string host, string source, DestinationKind destinationKind, string destination, string key, HeaderTable arguments)
    {
        WriteTexts(buffer, kind, host, source);
        buffer.Byte((byte)destinationKind);
        buffer.Text(destination);
        buffer.Text(key);
        buffer.Table(arguments);
    }

    private static byte FlagsOf(bool isDurable, bool isAutoDelete, bool other)
        => (byte)((isDurable ? DurableFlag : 0) | (isAutoDelete ? AutoDeleteFlag : 0) | (other ? OtherFlag : 0));

    // The order of the calls is that of the bytes.
    private static ExchangeDeclaration ReadExchange(scoped ref ByteReader reader, StringCache? texts)
    {
        string name = reader.Text(texts);
        string type = reader.Text(texts);
        byte flags = ReadFlags(ref reader);
        return new ExchangeDeclaration(name, type)
        {
            IsDurable = (flags & DurableFlag) != 0,
            IsAutoDelete = (flags & AutoDeleteFlag) != 0,
            IsInternal = (flags & OtherFlag) != 0,
            Arguments = ReadTable(ref reader, texts),
        };
    }

    private static QueueDeclaration ReadQueue(scoped ref ByteReader reader, StringCache? texts)
    {
        string name = reader.Text(texts);
        byte flags = ReadFlags(ref reader);
        return new QueueDeclaration(name)
        {
            IsDurable = (flags & DurableFlag) != 0,
            IsAutoDelete = (flags & AutoDeleteFlag) != 0,
            IsExclusive = (flags & OtherFlag) != 0,
            Arguments = ReadTable(ref reader, texts),
        };
    }

    private static Policy ReadPolicy(scoped ref ByteReader reader, StringCache? texts)
    {
        string name = reader.Text(texts);
        string pattern = reader.Text(texts);
        PolicyTarget target = (PolicyTarget)reader.Byte();
        if (target > PolicyTarget.QuorumQueues)
        {
            reader.Fail($"no policy applies to {(byte)target}");
        }

        int priority = (int)Encoded.UnZigZag(reader.Varint(uint.MaxValue, "a priority"));
        return new Policy(name, pattern, ReadTable(ref reader, texts)) { ApplyTo = target, Priority = priority };
    }

    private static HeaderTable ReadTable(scoped ref ByteReader reader, StringCache? texts) => HeaderTableCodec.Read(ref reader, texts);

    private static byte ReadFlags(scoped ref ByteReader reader)
    {
        byte flags = reader.Byte();
        if ((flags & ~AllFlags) != 0)
        {
            reader.Fail("a declaration has unknown flags");
        }

        return flags;
    }

    private static DestinationKind ReadDestination(scoped ref ByteReader reader)
    {
        DestinationKind kind = (DestinationKind)reader.Byte();
        if (kind > DestinationKind.Exchange)
        {
            reader.Fail($"no destination is of kind {(byte)kind}");
        }

        return kind;
    }
}
