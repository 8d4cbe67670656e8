namespace EmbeddedMq.Messages;

/// <summary>Up to 4,096 messages of one level of one queue that were moved together into the cold log, and which of them are settled.</summary>
/// <remarks>Thread-safe: settling is interlocked; the rest is set once. Its indexes are the order of the messages in the queue.</remarks>
internal sealed class StoredBlock
{
    /// <summary>Most messages in a block.</summary>
    internal const int MaxCount = 4_096;

    private readonly ulong[] _settled;
    private ulong[]? _journalIds;
    private int _liveCount;

    /// <summary>Makes a block of which nothing is settled.</summary>
    /// <param name="queueId">The queue's id in the store.</param>
    /// <param name="level">The priority level in the queue.</param>
    /// <param name="address">Where it begins in the cold log.</param>
    /// <param name="lengthBytes">How long its record is.</param>
    /// <param name="count">How many messages it holds, 1 to 4,096.</param>
    /// <param name="bodyBytes">Bytes of their bodies.</param>
    internal StoredBlock(uint queueId, byte level, long address, int lengthBytes, int count, long bodyBytes)
    {
        QueueId = queueId;
        Level = level;
        Address = address;
        LengthBytes = lengthBytes;
        Count = count;
        BodyBytes = bodyBytes;
        _liveCount = count;
        _settled = new ulong[(count + 63) / 64];
    }

    /// <summary>The queue's id in the store.</summary>
    internal uint QueueId { get; }

    /// <summary>The priority level in the queue.</summary>
    internal byte Level { get; }

    /// <summary>Where it begins in the cold log.</summary>
    internal long Address { get; }

    /// <summary>How long its record is, in bytes.</summary>
    internal int LengthBytes { get; }

    /// <summary>How many messages it was made of.</summary>
    internal int Count { get; }

    /// <summary>Bytes of the bodies of all of them.</summary>
    internal long BodyBytes { get; }

    /// <summary>How many are not settled.</summary>
    internal int LiveCount => Volatile.Read(ref _liveCount);

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

    /// <summary>Settles a message.</summary>
    /// <param name="index">Its index.</param>
    /// <returns>How many are left; -1 when it was settled already.</returns>
    internal int Settle(int index)
    {
        ulong bit = 1UL << (index % 64);
        return (Interlocked.Or(ref _settled[index / 64], bit) & bit) != 0 ? -1 : Interlocked.Decrement(ref _liveCount);
    }

    /// <summary>Copies the bits of what is settled, 64 messages a word, the first message in the lowest bit.</summary>
    internal ulong[] CopySettled() => Array.ConvertAll(_settled, static word => Volatile.Read(ref word));
}
