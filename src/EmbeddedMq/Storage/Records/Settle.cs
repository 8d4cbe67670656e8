namespace EmbeddedMq.Storage.Records;

/// <summary>A group of settles as <see cref="BatchBody"/> writes it: messages that a queue no longer holds.</summary>
/// <remarks>
/// <code>
/// kind     byte, see <see cref="SettleKind"/>
/// key      varint: the queue's id for entries, else the block's address
/// length   varint, of what follows, in bytes; not for a whole block
/// entries  ids in rising order, each: varint of its address minus the one before, times 2, plus 1 if a varint follows. At a new address
///          that is the index, left out when 0; at the address before, the index minus the one before
/// indexes  in rising order, each: varint of the index minus the one before, the first as it is
/// </code>
/// A message that is alone in its record, as most are, so costs two or three bytes.
/// </remarks>
internal readonly struct Settle : IBatchItem
{
    private Settle(SettleKind kind, ulong key, ReadOnlyMemory<StoredId> ids, ReadOnlyMemory<ushort> indexes)
    {
        Kind = kind;
        Key = key;
        Ids = ids;
        Indexes = indexes;
    }

    /// <summary>What is named.</summary>
    internal SettleKind Kind { get; }

    /// <summary>The queue's id, or the block's address.</summary>
    internal ulong Key { get; }

    /// <summary>The ids, for entries.</summary>
    internal ReadOnlyMemory<StoredId> Ids { get; }

    /// <summary>The indexes, for entries of a block.</summary>
    internal ReadOnlyMemory<ushort> Indexes { get; }

    /// <summary>Messages of a queue.</summary>
    /// <param name="queueId">The queue.</param>
    /// <param name="ids">Their ids, each once, in rising order; at least one.</param>
    internal static Settle Entries(uint queueId, ReadOnlyMemory<StoredId> ids)
    {
        ArgumentOutOfRangeException.ThrowIfZero(ids.Length, nameof(ids));
        return new Settle(SettleKind.Entries, queueId, ids, default);
    }

    /// <summary>Messages of a block.</summary>
    /// <param name="blockAddress">The block's address in the cold log.</param>
    /// <param name="indexes">Their indexes within the block, each once, in rising order; at least one.</param>
    internal static Settle BlockEntries(long blockAddress, ReadOnlyMemory<ushort> indexes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(indexes.Length, nameof(indexes));
        return new Settle(SettleKind.BlockEntries, (ulong)blockAddress, default, indexes);
    }

    /// <summary>Whatever is left of a block.</summary>
    /// <param name="blockAddress">The block's address in the cold log.</param>
    internal static Settle WholeBlock(long blockAddress) => new(SettleKind.WholeBlock, (ulong)blockAddress, default, default);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The ids or indexes do not rise.</exception>
    public int GetLength()
    {
        int length = 1 + Encoded.VarintLength(Key);
        return Kind == SettleKind.WholeBlock ? length : checked(length + Encoded.BlobLength(LengthOfElements()));
    }

    /// <inheritdoc/>
    public void Write(ref ByteWriter writer)
    {
        writer.Byte((byte)Kind);
        writer.Varint(Key);
        if (Kind == SettleKind.WholeBlock)
        {
            return;
        }

        writer.Varint((uint)LengthOfElements());
        StoredId previous = default;
        foreach (StoredId id in Ids.Span)
        {
            ulong step = StepFrom(previous, id);
            writer.Varint(step);
            if ((step & 1) != 0)
            {
                writer.Varint(IndexAfter(previous, id));
            }

            previous = id;
        }

        int previousIndex = 0;
        foreach (ushort index in Indexes.Span)
        {
            writer.Varint((uint)(index - previousIndex));
            previousIndex = index;
        }
    }

    private static ulong StepFrom(StoredId previous, StoredId id)
    {
        long step = id.Address - previous.Address;
        return ((ulong)step << 1) | (step == 0 || id.Index != 0 ? 1u : 0u);
    }

    private static uint IndexAfter(StoredId previous, StoredId id) => (uint)(id.Address == previous.Address ? id.Index - previous.Index : id.Index);

    private int LengthOfElements()
    {
        int length = 0;
        StoredId previous = default;
        foreach (StoredId id in Ids.Span)
        {
            if (id.CompareTo(previous) <= 0)
            {
                throw new ArgumentException($"The id {id} does not rise above {previous}.");
            }

            ulong step = StepFrom(previous, id);
            length += Encoded.VarintLength(step) + ((step & 1) != 0 ? Encoded.VarintLength(IndexAfter(previous, id)) : 0);
            previous = id;
        }

        int previousIndex = -1;
        foreach (ushort index in Indexes.Span)
        {
            if (index <= previousIndex)
            {
                throw new ArgumentException($"The index {index} does not rise above {previousIndex}.");
            }

            length += Encoded.VarintLength((uint)(index - Math.Max(previousIndex, 0)));
            previousIndex = index;
        }

        return length;
    }
}
