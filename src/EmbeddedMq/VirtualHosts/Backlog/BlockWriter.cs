using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Moves messages of queues from the journal into blocks of the cold log.</summary>
/// <remarks>For one thread, which waits for the disk. A block is written before the journal's claims on its messages are given up, and both are
/// synced before a checkpoint tells of the block; until then the messages are settled in both places (<see cref="StoredBlock.JournalIds"/>).</remarks>
/// <param name="services">What the broker's parts share.</param>
internal sealed class BlockWriter(BrokerServices services) : IEvacuationTarget
{
    private const long MostUnsyncedBytes = 4 << 20;

    private readonly MessageStore _store = services.Store;
    private readonly StoredMessageReader _reader = new(services.Store.Journal);
    private readonly BlockAppender _appender = new(services.Store.Journal);
    private Queue _queue = null!; // whose turn it is
    private CancellationToken _cancellationToken;
    private long _unsyncedBytes;
    private long _movedTotal;

    /// <summary>How many messages have moved. Read by anybody.</summary>
    internal long MovedTotal => Volatile.Read(ref _movedTotal);

    /// <summary>Moves what a queue has in the journal.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="below">Messages with ids below this move.</param>
    /// <param name="cancellationToken">Stops it between two blocks; what has moved has moved.</param>
    /// <exception cref="JournalException">A message cannot be read, or a block not be written.</exception>
    internal void Evacuate(Queue queue, ulong below, CancellationToken cancellationToken)
    {
        _queue = queue;
        _cancellationToken = cancellationToken;
        queue.Evacuate(below, this);
    }

    /// <inheritdoc/>
    public StoredBlock Write(Evacuation evacuation)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        uint queueId = _queue.Stored?.Id ?? 0;
        _appender.Begin(queueId, evacuation.Level);
        if (evacuation.Resident.IsEmpty)
        {
            AddAway(evacuation, queueId);
        }
        else
        {
            AddResident(evacuation);
        }

        evacuation.Shorten(_appender.Count);
        ColdBlock written = _appender.Append(isTransient: _queue.Stored is null);
        WaitUntilWritten(written.Block.LengthBytes);
        ulong[] ids = new ulong[evacuation.Count];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = evacuation.StoredAt(i);
        }

        written.Block.JournalIds = ids;
        _store.Blocks.Add(written); // before queues know it: what they mark from then on is marked there
        return written.Block;
    }

    /// <inheritdoc/>
    public void Complete(Evacuation evacuation, StoredBlock block)
    {
        ulong[] journalIds = block.JournalIds!;
        for (int i = 0; i < evacuation.Count; i++)
        {
            if (!evacuation.IsMoved(i))
            {
                journalIds[i] = 0; // it stays where it is, and may well be alive there
            }
        }

        _store.Blocks.NoteSettled(block); // all of it may have been before they moved
        int movedCount = 0;
        for (int i = 0; i < evacuation.Count; i++)
        {
            if (evacuation.IsMoved(i))
            {
                _store.Release(evacuation.StoredAt(i));
                _queue.Stored?.ForgetExpiry(evacuation.StoredAt(i));
                movedCount++;
            }
        }

        Volatile.Write(ref _movedTotal, _movedTotal + movedCount);
    }

    /// <inheritdoc/>
    public void Abandon(StoredBlock block) => _store.Blocks.Forget(block); // no checkpoint has told of it

    // Confirms wait for the same thread of the same disk: what is synced often takes little time, where a checkpoint would wait for all of it at once.
    private void WaitUntilWritten(long bytes)
    {
        _unsyncedBytes += bytes;
        bool isSynced = _unsyncedBytes >= MostUnsyncedBytes;
        CommitSignal signal = new(isSynced ? Durability.Synced : Durability.OsBuffered);
        _store.Journal.Cold.WhenCommitted(signal);
        signal.Wait();
        _unsyncedBytes = isSynced ? 0 : _unsyncedBytes;
    }

    private void AddAway(Evacuation evacuation, uint queueId)
    {
        StoredId[] ids = new StoredId[evacuation.Count];
        long bodyBytes = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = new StoredId(evacuation.Away[i].StoredAt);
            bodyBytes += evacuation.Away[i].BodyBytes;
        }

        List<ReadMessage> messages = new(ids.Length);
        _reader.Read(ids, bodyBytes, queueId, messages);
        bool expires = _queue.Stored is not { IsNameless: true };
        bool fits = true;
        for (int i = 0; i < ids.Length && fits; i++)
        {
            AwayEntry away = evacuation.Away[i];
            bool isTransient = (away.Flags & AwayFlags.Transient) != 0;
            long? expiresUtcMs = expires ? _queue.Stored?.FindExpiry(ids[i].Value) ?? messages[i].ExpiresUtcMs : null;
            BlockEntry entry = new(
                ids[i],
                expiresUtcMs ?? BlockEntry.NoExpiry,
                StoredBacklog.FailedDeliveries(away),
                (away.Flags & AwayFlags.Redelivered) != 0,
                isTransient);
            evacuation.NoteWritten(i, entry.FailedDeliveries, entry.Redelivered);
            fits = _appender.TryAdd(entry, messages[i].Message, _appender.MostUsualBytes);
        }
    }

    private void AddResident(Evacuation evacuation)
    {
        long toUtcMs = services.Clock.UtcNow.ToUnixTimeMilliseconds() - services.Clock.NowMs;
        bool fits = true;
        for (int i = 0; i < evacuation.Count && fits; i++)
        {
            QueueEntry resident = evacuation.Resident[i];
            BlockEntry entry = new(
                new StoredId(resident.StoredAt),
                resident.ExpiresAtMs == QueueEntry.NoExpiry ? BlockEntry.NoExpiry : resident.ExpiresAtMs + toUtcMs,
                resident.FailedDeliveries,
                resident.Redelivered,
                !resident.Message.Properties.IsPersistent);
            evacuation.NoteWritten(i, entry.FailedDeliveries, entry.Redelivered);
            StoredMessage message = new(resident.Message, resident.Exchange, resident.RoutingKey);
            fits = _appender.TryAdd(entry, message, _appender.MostUsualBytes);
        }
    }
}
