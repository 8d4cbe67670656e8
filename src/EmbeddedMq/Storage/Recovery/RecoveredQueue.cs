namespace EmbeddedMq.Storage.Recovery;

/// <summary>What replay has found of one queue's messages.</summary>
/// <remarks>Used by one thread. Ids come in rising order, because they are addresses of the log that is read from its beginning.</remarks>
internal sealed class RecoveredQueue
{
    private const int ChunkLength = 4_096;

    private readonly List<RecoveredEntry[]> _chunks = [];
    private int _count;

    /// <summary>Whether somebody may have received messages of it that were not settled.</summary>
    internal bool IsTouched { get; set; }

    /// <summary>Every message with a lower id counts as handed over before.</summary>
    internal ulong RedeliveredBelow { get; set; }

    /// <summary>Whether its declaration was damaged: of a salvaged store.</summary>
    internal bool IsNameless { get; set; }

    /// <summary>Its blocks in the cold log, in no order.</summary>
    internal List<RecoveredBlock> Blocks { get; } = [];

    /// <summary>How often the delivery of a message has failed, where it was delivered, by id.</summary>
    internal Dictionary<ulong, int> Marks { get; } = [];

    /// <summary>When messages expire of which their records do not say it, in milliseconds since 1970, by id.</summary>
    internal Dictionary<ulong, long> Expiries { get; } = [];

    /// <summary>How many entries there are, settled ones included.</summary>
    internal int Count => _count;

    /// <summary>The entries that are not settled, in order.</summary>
    internal IEnumerable<RecoveredEntry> Live
    {
        get
        {
            for (int i = 0; i < _count; i++)
            {
                RecoveredEntry entry = _chunks[i / ChunkLength][i % ChunkLength];
                if (!entry.IsSettled)
                {
                    yield return entry;
                }
            }
        }
    }

    /// <summary>Adds a message.</summary>
    /// <param name="entry">The message; its id is above all others.</param>
    internal void Add(in RecoveredEntry entry)
    {
        if (_count % ChunkLength == 0)
        {
            _chunks.Add(new RecoveredEntry[ChunkLength]);
        }

        _chunks[^1][_count++ % ChunkLength] = entry;
    }

    /// <summary>Settles a message. One that is unknown is settled already: its record has been released.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>Whether it was not settled before.</returns>
    internal bool Settle(ulong id)
    {
        int index = Find(id);
        if (index < 0)
        {
            return false;
        }

        ref RecoveredEntry entry = ref _chunks[index / ChunkLength][index % ChunkLength];
        bool wasLive = !entry.IsSettled;
        entry.IsSettled = true;
        Marks.Remove(id);
        Expiries.Remove(id);
        return wasLive;
    }

    /// <summary>Whether a message was found, and not that it was settled.</summary>
    /// <param name="id">Its id.</param>
    internal bool IsLive(ulong id) => Find(id) is var index and >= 0 && !_chunks[index / ChunkLength][index % ChunkLength].IsSettled;

    private int Find(ulong id)
    {
        int low = 0;
        int high = _count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            ulong found = _chunks[middle / ChunkLength][middle % ChunkLength].Id;
            if (found == id)
            {
                return middle;
            }

            if (found < id)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return -1;
    }
}
