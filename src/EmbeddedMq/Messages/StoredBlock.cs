namespace EmbeddedMq.Messages;

/// <summary>Up to 4,096 messages of one level of one queue that were moved together into the cold log, and which of them are settled.</summary>
/// <remarks>
/// <para>Thread-safe: settling is interlocked; the rest is set once. Its indexes are the order of the messages in the queue.</para>
/// <para>When little of it is left, the store moves that into another block (<see cref="Move"/>). Queues do not notice: they go on naming messages by
/// this one, and what is settled here is settled there.</para>
/// </remarks>
internal sealed class StoredBlock
{
    /// <summary>Most messages in a block.</summary>
    internal const int MaxCount = 4_096;

    private readonly ulong[] _settled;
    private ulong[]? _journalIds;
    private BlockMove? _move;
    private int _liveCount;
    private long _liveBodyBytes;

    /// <summary>Makes a block of which nothing is settled.</summary>
    /// <param name="queueId">The queue's id in the store.</param>
    /// <param name="level">The priority level in the queue.</param>
    /// <param name="address">Where it begins in the cold log.</param>
    /// <param name="lengthBytes">How long its record is.</param>
    /// <param name="count">How many messages it holds, 1 to 4,096.</param>
    /// <param name="bodyBytes">Bytes of their bodies.</param>
    internal StoredBlock(uint queueId, byte level, long address, long lengthBytes, int count, long bodyBytes)
    {
        QueueId = queueId;
        Level = level;
        Address = address;
        LengthBytes = lengthBytes;
        Count = count;
        BodyBytes = bodyBytes;
        _liveCount = count;
        _liveBodyBytes = bodyBytes;
        _settled = new ulong[(count + 63) / 64];
    }

    /// <summary>The queue's id in the store.</summary>
    internal uint QueueId { get; }

    /// <summary>The priority level in the queue.</summary>
    internal byte Level { get; }

    /// <summary>Where it begins in the cold log.</summary>
    internal long Address { get; }

    /// <summary>How long its record is, in bytes.</summary>
    internal long LengthBytes { get; }

    /// <summary>How many messages it was made of.</summary>
    internal int Count { get; }

    /// <summary>Bytes of the bodies of all of them.</summary>
    internal long BodyBytes { get; }

    /// <summary>How many are not settled.</summary>
    internal int LiveCount => Volatile.Read(ref _liveCount);

    /// <summary>How many bytes those take of it that are not settled: their bodies, and of everything else what a message has on average.</summary>
    internal long LiveBytes
        => Math.Max(0, Volatile.Read(ref _liveBodyBytes)) + (Math.Max(0, LengthBytes - BodyBytes) * LiveCount / Count);

    /// <summary>Where what was left of it has gone; <see langword="null"/>: it is here.</summary>
    internal BlockMove? Move => Volatile.Read(ref _move);

    /// <summary>Whether it is of no use after a restart: its messages are transient.</summary>
    internal bool IsTransient { get; init; }

    /// <summary>The ids that its messages have in the journal, until a checkpoint tells of the block: till then a restart finds them there, and so
    /// they are settled there too. <see langword="null"/> from then on.</summary>
    internal ulong[]? JournalIds
    {
        get => Volatile.Read(ref _journalIds);
        set => Volatile.Write(ref _journalIds, value);
    }

    /// <summary>Whether a message is settled.</summary>
    /// <param name="index">Its index.</param>
    internal bool IsSettled(int index) => (Volatile.Read(ref _settled[index / 64]) & (1UL << (index % 64))) != 0;

    /// <summary>Settles a message, here and where it has moved to.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="bodyBytes">Bytes of its body; -1: not known, then it counts for the mean.</param>
    /// <returns>How many are left here; -1 when it was settled already.</returns>
    internal int Settle(int index, int bodyBytes = -1)
    {
        ulong bit = 1UL << (index % 64);
        if ((Interlocked.Or(ref _settled[index / 64], bit) & bit) != 0)
        {
            return -1;
        }

        Interlocked.Add(ref _liveBodyBytes, bodyBytes < 0 ? -(BodyBytes / Count) : -bodyBytes);
        int left = Interlocked.Decrement(ref _liveCount);
        Move?.Settle(index, bodyBytes); // read after the bit was written: see MoveTo
        return left;
    }

    /// <summary>Says where what is left of it has gone. Once.</summary>
    /// <param name="move">Where to: at least all messages that are not settled.</param>
    internal void MoveTo(BlockMove move)
    {
        Volatile.Write(ref _move, move);

        // Whoever settles a message writes its bit and reads the move after that; here it is the other way round. One of the two sees the other.
        Interlocked.MemoryBarrier();
        foreach (ushort index in move.Indexes)
        {
            if (IsSettled(index))
            {
                move.Settle(index, -1);
            }
        }
    }

    /// <summary>Finds the block that holds a message at present.</summary>
    /// <param name="index">Its index here.</param>
    /// <param name="block">That block: this one, if it has not moved.</param>
    /// <param name="blockIndex">Its index there.</param>
    /// <returns><see langword="false"/> when it was settled before the others moved.</returns>
    internal bool TryFind(int index, out StoredBlock block, out int blockIndex)
    {
        block = this;
        blockIndex = index;
        while (block.Move is { } move)
        {
            if (!move.TryFind(blockIndex, out blockIndex))
            {
                return false;
            }

            block = move.Target;
        }

        return true;
    }

    /// <summary>The places by which a restart may know a message: the newest, and older ones that no checkpoint has forgotten yet.</summary>
    /// <param name="index">Its index here.</param>
    internal IEnumerable<(StoredBlock Block, int Index)> PlacesOf(int index)
    {
        StoredBlock block = this;
        while (block.Move is { } move)
        {
            if (!move.IsTold)
            {
                yield return (block, index);
            }

            if (!move.TryFind(index, out index))
            {
                yield break;
            }

            block = move.Target;
        }

        yield return (block, index);
    }

    /// <summary>Copies the bits of what is settled, 64 messages a word, the first message in the lowest bit.</summary>
    internal ulong[] CopySettled() => Array.ConvertAll(_settled, static word => Volatile.Read(ref word));
}
