using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.Threading;

namespace EmbeddedMq.VirtualHosts;

/// <summary>The store as queues see it that hold more than memory does.</summary>
/// <remarks>Putting away is thread-safe; reading is for one thread, the pager's.</remarks>
/// <param name="store">The store.</param>
/// <param name="clock">Expiry in memory counts from the broker's start, on disk from 1970.</param>
internal sealed class StoredBacklog(MessageStore store, BrokerClock clock) : IBacklogStore
{
    private const int FailedDeliveriesShift = 8; // the upper bits of the flags are the store's
    private const int MostFailedDeliveries = (1 << 24) - 1;

    private readonly StoredMessageReader _reader = new(store.Journal);

    /// <summary>What stands for a message of the journal that is found at a restart.</summary>
    /// <param name="storedAt">Its id.</param>
    /// <param name="bodyBytes">Bytes of its body.</param>
    /// <param name="redelivered">Whether it may have been handed over before.</param>
    /// <param name="failedDeliveries">How many deliveries failed.</param>
    internal static AwayEntry Recovered(ulong storedAt, int bodyBytes, bool redelivered, int failedDeliveries)
        => new(storedAt, bodyBytes, Flags(isTransient: false, redelivered, failedDeliveries));

    /// <summary>How many deliveries of a message have failed.</summary>
    /// <param name="away">The message.</param>
    internal static int FailedDeliveries(in AwayEntry away) => (int)((uint)away.Flags >> FailedDeliveriesShift);

    /// <inheritdoc/>
    public bool TryPutAway(QueueEntry entry, out AwayEntry away)
    {
        if (entry.StoredAt == 0 || store.IsLost(entry.StoredAt))
        {
            // What is to be stored is stored again by whoever mends the store, in order and with its mark.
            if (!store.Journal.Hot.HasRoom || (store.IsMending && ((Queue)entry.Owner).Stored is not null && entry.Message.Properties.IsPersistent))
            {
                away = default;
                return false;
            }

            AppendAgain(entry);
        }

        bool isTransient = ((Queue)entry.Owner).Stored is null || !entry.Message.Properties.IsPersistent;
        away = new AwayEntry(entry.StoredAt, entry.BodyBytes, Flags(isTransient, entry.Redelivered, entry.FailedDeliveries));
        return entry.StoredAt != 0 && store.IsWritten(entry.StoredAt);
    }

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<AwayEntry> run, IEntryOwner owner, List<QueueEntry> into)
    {
        StoredQueue? queue = ((Queue)owner).Stored;
        StoredId[] ids = new StoredId[run.Length];
        long bodyBytes = 0;
        for (int i = 0; i < run.Length; i++)
        {
            ids[i] = new StoredId(run[i].StoredAt);
            bodyBytes += run[i].BodyBytes;
        }

        List<ReadMessage> read = new(run.Length);
        _reader.Read(ids, bodyBytes, queue?.Id ?? 0, read);
        for (int i = 0; i < run.Length; i++)
        {
            into.Add(new QueueEntry(read[i].Message.Message, read[i].Message.Exchange, read[i].Message.RoutingKey, owner)
            {
                StoredAt = run[i].StoredAt,
                ExpiresAtMs = ExpiresAtMs(queue?.FindExpiry(run[i].StoredAt) ?? read[i].ExpiresUtcMs ?? BlockEntry.NoExpiry),
                FailedDeliveries = FailedDeliveries(run[i]),
                Redelivered = (run[i].Flags & AwayFlags.Redelivered) != 0,
            });
        }
    }

    /// <inheritdoc/>
    public void Read(StoredBlock block, int start, int end, IEntryOwner owner, List<QueueEntry> into)
    {
        ulong redeliveredBelow = ((Queue)owner).Stored?.RedeliveredBelow ?? 0;
        List<ReadBlockMessage> read = new(end - start);
        _reader.Read(block, start, end, read);
        foreach (ReadBlockMessage message in read)
        {
            int? mark = store.Blocks.FindMark(block, message.Index);
            QueueEntry entry = new(message.Message.Message, message.Message.Exchange, message.Message.RoutingKey, owner)
            {
                StoredAt = message.Entry.Id.Value,
                ExpiresAtMs = ExpiresAtMs(message.Entry.ExpiresUtcMs),
                FailedDeliveries = mark ?? message.Entry.FailedDeliveries,
                Redelivered = mark is not null || message.Entry.Redelivered || message.Entry.Id.Value < redeliveredBelow,
            };
            entry.MoveToBlock(block, message.Index);
            into.Add(entry);
        }
    }

    /// <inheritdoc/>
    public void Discard(ReadOnlySpan<AwayEntry> run, StoredQueue? queue)
    {
        List<ulong> persistent = [];
        foreach (ref readonly AwayEntry away in run)
        {
            store.Release(away.StoredAt);
            if ((away.Flags & AwayFlags.Transient) == 0)
            {
                persistent.Add(away.StoredAt);
            }
        }

        if (queue is { IsDeleted: false })
        {
            queue.Settle(persistent);
        }
    }

    /// <inheritdoc/>
    public void Discard(StoredBlock block, int start, int end, StoredQueue? queue)
    {
        List<int> settled = [];
        for (int index = start; index < end; index++)
        {
            if (block.Settle(index) != -1)
            {
                settled.Add(index);
            }
        }

        store.Blocks.NoteSettled(block);
        if (queue is { IsDeleted: false } && !block.IsTransient)
        {
            queue.Settle(block, settled);
        }
    }

    /// <inheritdoc/>
    public void Forget(QueueEntry entry) => store.Release(entry);

    private long ExpiresAtMs(long expiresUtcMs)
        => expiresUtcMs == BlockEntry.NoExpiry ? QueueEntry.NoExpiry : clock.NowMs + Math.Max(0, expiresUtcMs - clock.UtcNow.ToUnixTimeMilliseconds());

    private void AppendAgain(QueueEntry entry)
    {
        long ttlMs = entry.ExpiresAtMs == QueueEntry.NoExpiry ? QueueRef.NoTtl : Math.Max(0, entry.ExpiresAtMs - clock.NowMs);
        ulong old = entry.StoredAt;
        entry.StoredAt = store.AppendAgain(entry, new QueueRef(((Queue)entry.Owner).Stored?.Id ?? 0, ttlMs));
        if (old != 0)
        {
            store.Release(old);
        }
    }

    private static AwayFlags Flags(bool isTransient, bool redelivered, int failedDeliveries)
        => (isTransient ? AwayFlags.Transient : 0) | (redelivered ? AwayFlags.Redelivered : 0)
            | (AwayFlags)((uint)Math.Min(failedDeliveries, MostFailedDeliveries) << FailedDeliveriesShift);
}
