using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.VirtualHosts;

/// <content>What goes into the journal: messages before their queues take them, and changes of names.</content>
internal sealed partial class VirtualHost
{
    // More destinations than this are rare; for them the list is allocated.
    private const int UsualDestinations = 16;

    /// <summary>Appends a transaction to the journal: what it publishes to stored queues, and what it acknowledges there.</summary>
    /// <param name="publishes">The messages, and the queues that take them.</param>
    /// <param name="acknowledged">What it acknowledges.</param>
    /// <param name="isStored">Whether any of it is stored, so that the commit waits for the disk.</param>
    /// <param name="endedAt">The id of the last record of it; 0 if there is none, or the journal has failed.</param>
    /// <returns>The ids of the messages, in order; 0 for those that are not stored.</returns>
    internal ulong[] StoreTransaction(CommittedPublish[] publishes, IReadOnlyList<QueueEntry> acknowledged, out bool isStored, out ulong endedAt)
    {
        MessageStore store = _services.Store;
        ulong[] ids = new ulong[publishes.Length];
        isStored = false;
        endedAt = 0;
        if (!store.IsDurable)
        {
            return ids;
        }

        BatchMessage[] messages = ToStore(publishes, out int[] indexes);

        // What is on disk only to spare memory leaves nothing there that a restart would look at.
        StoredSource[] left =
        [
            .. acknowledged.Where(static entry => entry.IsStored && ((Queue)entry.Owner).Stored is not null)
                .Select(static entry => new StoredSource(((Queue)entry.Owner).Stored, entry)),
        ];
        isStored = messages.Length > 0 || left.Length > 0;
        ulong[] stored = isStored ? store.AppendTransaction(messages, left, out endedAt) : [];
        for (int i = 0; i < stored.Length; i++)
        {
            ids[indexes[i]] = stored[i];
        }

        return ids;
    }

    /// <summary>Moves what lives long out of the front of the journal. A queue whose messages cannot be moved does not keep others from it.</summary>
    /// <param name="writer">Moves messages of queues.</param>
    /// <param name="below">Messages with ids below this move.</param>
    /// <param name="cancellationToken">Stops it on the way.</param>
    /// <returns>Why messages of a queue could not be moved; <see langword="null"/> when none were left for that reason.</returns>
    internal JournalException? Evacuate(BlockWriter writer, ulong below, CancellationToken cancellationToken)
    {
        JournalException? failure = null;
        foreach (Queue queue in _queues.Values)
        {
            try
            {
                MoveWaiting(queue, below);
                writer.Evacuate(queue, below, cancellationToken);
            }
            catch (JournalException error) when (_services.Store.Journal.State is JournalState.Open or JournalState.LowSpace)
            {
                failure = error;
            }
        }

        foreach (DelayedMessage delayed in _storedDelayed.Keys)
        {
            delayed.Move(_services.Store, below, _services.Clock.NowMs);
        }

        return failure;
    }

    /// <summary>Appends what is in memory and to be stored, and is not in the journal: it went with the disk, or the disk had failed when it came.</summary>
    /// <returns>Pauses, at which to wait for room in the journal.</returns>
    internal IEnumerable<bool> StoreAgain()
    {
        MessageStore store = _services.Store;
        foreach (Queue queue in _queues.Values)
        {
            EvacuationPass pass = new(0, entry => entry.Message.Properties.IsPersistent && !store.IsKept(entry.StoredAt));
            while (queue.StoreAgain(pass))
            {
                yield return true;
            }
        }

        foreach (DelayedMessage delayed in _storedDelayed.Keys)
        {
            delayed.StoreAgain(store, _services.Clock.NowMs);
            yield return true;
        }
    }

    private void MoveWaiting(Queue queue, ulong below)
    {
        try
        {
            while (queue.MoveWaiting(below))
            {
                CommitSignal written = new(Durability.OsBuffered);
                _services.Store.Journal.Hot.WhenCommitted(written);
                written.Wait();
            }
        }
        finally
        {
            queue.EndMoveWaiting(); // where that has failed
        }
    }

    // Once, for all destinations that are stored; the body is written once.
    private ulong Store(
        ReadOnlySpan<IDestination> queues,
        ReadOnlySpan<DelayedExchange> delayed,
        string exchange,
        string routingKey,
        Message message,
        in StoredSource source,
        out bool isStored)
    {
        isStored = false;
        if (!_services.Store.IsDurable || !message.Properties.IsPersistent)
        {
            return 0;
        }

        int destinations = queues.Length + delayed.Length;
        Span<QueueRef> refs = destinations <= UsualDestinations ? stackalloc QueueRef[UsualDestinations] : new QueueRef[destinations];
        int count = CollectRefs(queues, delayed, message, refs);
        isStored = count > 0;
        return count == 0 ? 0
            : source is { Queue: not null, Entry.IsStored: true } ? _services.Store.AppendTransfer(source, exchange, routingKey, message, refs[..count])
            : _services.Store.Append(exchange, routingKey, message, refs[..count]);
    }

    private static int CollectRefs(ReadOnlySpan<IDestination> queues, ReadOnlySpan<DelayedExchange> delayed, Message message, Span<QueueRef> refs)
    {
        int count = 0;
        foreach (IDestination destination in queues)
        {
            if (destination is Queue { Stored: { } stored } queue)
            {
                long ttlMs = queue.TimeToLiveMs(message);
                refs[count++] = new QueueRef(stored.Id, ttlMs == QueueEntry.NoExpiry ? QueueRef.NoTtl : ttlMs);
            }
        }

        foreach (DelayedExchange exchange in delayed)
        {
            if (exchange.Stored is { } stored)
            {
                DelayedExchange.TryGetDelay(message.Headers, out TimeSpan delay);
                refs[count++] = new QueueRef(stored.Id, (long)delay.TotalMilliseconds);
            }
        }

        return count;
    }
}
