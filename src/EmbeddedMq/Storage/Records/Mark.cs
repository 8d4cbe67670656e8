namespace EmbeddedMq.Storage.Records;

/// <summary>What is new about a stored message that stays where it is: failed deliveries, handed over before; or when it expires.</summary>
/// <remarks>
/// <code>
/// flags     byte: 1 in a block of the cold log, 2 handed over before, 4 has failed deliveries, 8 expires, with no other
/// key       varint: the queue's id, or the block's address
/// message   the id's address and index as varints; in a block its index as varint
/// failed    varint, not 0, if flagged
/// expires   varint, not 0, if flagged: milliseconds since 1970, UTC
/// </code>
/// A mark replaces an earlier one of the same message, one of expiry another one of expiry.
/// </remarks>
internal readonly record struct Mark : IBatchItem
{
    private const byte InBlockFlag = 1;
    private const byte RedeliveredFlag = 2;
    private const byte FailedFlag = 4;
    private const byte ExpiresFlag = 8;
    private const byte AllFlags = InBlockFlag | RedeliveredFlag | FailedFlag;

    private Mark(bool isInBlock, ulong key, ulong message, int failedDeliveries, bool redelivered, long expiresUtcMs = 0)
    {
        IsInBlock = isInBlock;
        Key = key;
        Message = message;
        FailedDeliveries = failedDeliveries;
        Redelivered = redelivered;
        ExpiresUtcMs = expiresUtcMs;
    }

    /// <summary>Whether the message is in a block of the cold log.</summary>
    internal bool IsInBlock { get; }

    /// <summary>The queue that holds the message; when it is not in a block.</summary>
    internal uint QueueId => (uint)Key;

    /// <summary>The id of the message; when it is not in a block.</summary>
    internal StoredId Id => new(Message);

    /// <summary>The address of the block.</summary>
    internal long BlockAddress => (long)Key;

    /// <summary>The index of the message within the block.</summary>
    internal int BlockIndex => (int)Message;

    /// <summary>How many deliveries failed, 0 or more.</summary>
    internal int FailedDeliveries { get; }

    /// <summary>Whether it was handed over before.</summary>
    internal bool Redelivered { get; }

    /// <summary>When it expires, in milliseconds since 1970; 0: the mark says something else.</summary>
    internal long ExpiresUtcMs { get; }

    private ulong Key { get; }

    private ulong Message { get; }

    /// <summary>Marks a message of a queue.</summary>
    /// <param name="queueId">The queue.</param>
    /// <param name="id">The message.</param>
    /// <param name="failedDeliveries">How many deliveries failed, 0 or more.</param>
    /// <param name="redelivered">Whether it was handed over before.</param>
    internal static Mark Entry(uint queueId, StoredId id, int failedDeliveries, bool redelivered)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(failedDeliveries);
        return new Mark(isInBlock: false, queueId, id.Value, failedDeliveries, redelivered);
    }

    /// <summary>Marks a message of a block of the cold log.</summary>
    /// <param name="blockAddress">The block's address.</param>
    /// <param name="index">The index of the message within the block.</param>
    /// <param name="failedDeliveries">How many deliveries failed, 0 or more.</param>
    /// <param name="redelivered">Whether it was handed over before.</param>
    internal static Mark BlockEntry(long blockAddress, int index, int failedDeliveries, bool redelivered)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(failedDeliveries);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)index, ushort.MaxValue, nameof(index));
        return new Mark(isInBlock: true, (ulong)blockAddress, (uint)index, failedDeliveries, redelivered);
    }

    /// <summary>Says when a message of a queue expires, because it came into the queue later than its record was appended.</summary>
    /// <param name="queueId">The queue.</param>
    /// <param name="id">The message.</param>
    /// <param name="expiresUtcMs">When, in milliseconds since 1970; what is before that counts as its first.</param>
    internal static Mark Expiry(uint queueId, StoredId id, long expiresUtcMs)
        => new(isInBlock: false, queueId, id.Value, failedDeliveries: 0, redelivered: false, Math.Max(1, expiresUtcMs));

    /// <summary>Reads a mark.</summary>
    /// <param name="reader">The reader.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static Mark Read(scoped ref ByteReader reader)
    {
        byte flags = reader.Byte();
        if (flags != ExpiresFlag && (flags & ~AllFlags) != 0)
        {
            reader.Fail("a mark has unknown flags");
        }

        bool isInBlock = (flags & InBlockFlag) != 0;
        ulong key = isInBlock ? (ulong)reader.Address() : reader.VarUInt32("a queue's id");
        ulong message = isInBlock ? reader.Varint(ushort.MaxValue, "an index") : reader.Id().Value;
        int failedDeliveries = 0;
        if ((flags & FailedFlag) != 0)
        {
            failedDeliveries = reader.VarInt32("a count of failed deliveries");
            if (failedDeliveries == 0)
            {
                reader.Fail("a count of failed deliveries is 0");
            }
        }

        long expiresUtcMs = 0;
        if (flags == ExpiresFlag)
        {
            expiresUtcMs = (long)reader.Varint(long.MaxValue, "a time");
            if (expiresUtcMs == 0)
            {
                reader.Fail("a time of expiry is 0");
            }
        }

        return new Mark(isInBlock, key, message, failedDeliveries, (flags & RedeliveredFlag) != 0, expiresUtcMs);
    }

    /// <inheritdoc/>
    public int GetLength()
        => 1 + Encoded.VarintLength(Key)
        + (IsInBlock ? Encoded.VarintLength(Message) : Encoded.IdLength(Id))
        + (FailedDeliveries == 0 ? 0 : Encoded.VarintLength((uint)FailedDeliveries))
        + (ExpiresUtcMs == 0 ? 0 : Encoded.VarintLength((ulong)ExpiresUtcMs));

    /// <inheritdoc/>
    public void Write(ref ByteWriter writer)
    {
        writer.Byte((byte)((IsInBlock ? InBlockFlag : 0) | (Redelivered ? RedeliveredFlag : 0) | (FailedDeliveries == 0 ? 0 : FailedFlag)
            | (ExpiresUtcMs == 0 ? 0 : ExpiresFlag)));
        writer.Varint(Key);
        if (IsInBlock)
        {
            writer.Varint(Message);
        }
        else
        {
            writer.Id(Id);
        }

        if (FailedDeliveries != 0)
        {
            writer.Varint((uint)FailedDeliveries);
        }

        if (ExpiresUtcMs != 0)
        {
            writer.Varint((ulong)ExpiresUtcMs);
        }
    }
}
