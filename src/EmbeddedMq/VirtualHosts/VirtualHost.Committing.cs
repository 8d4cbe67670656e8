using System.Runtime.CompilerServices;
using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.VirtualHosts;

/// <content>Commits: acknowledgements, publishes and receipts as one record of the journal, which take effect once it is safe.</content>
internal sealed partial class VirtualHost
{
    /// <summary>Routes a message of a commit.</summary>
    /// <param name="router">The channel's router, guarded by the caller.</param>
    /// <param name="exchangeName">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="mandatory">Whether some queue must take it.</param>
    /// <exception cref="ChannelException">403 internal exchange; 404 no such exchange; 406 invalid CC or BCC.</exception>
    /// <exception cref="PublishException">No queue takes it, or a full one refuses it.</exception>
    internal CommittedPublish RouteForCommit(Router router, string exchangeName, string routingKey, Message message, bool mandatory)
    {
        RouteResult route = Route(router, exchangeName, routingKey, message);
        route.Source.CountPublished();
        IDestination[] queues = route.Queues.ToArray();
        if (mandatory && queues.Length == 0)
        {
            throw MqErrors.PublishFailed(new PublishResult(PublishOutcome.Returned, 0), exchangeName, routingKey);
        }

        // Once it is safe the message cannot be refused any more; so a queue is asked before, and may come to hold a few more than its limit.
        foreach (IDestination destination in queues)
        {
            if (destination is Queue queue && queue.WouldRefuse(message))
            {
                throw MqErrors.PublishFailed(new PublishResult(PublishOutcome.Rejected, 0, RejectReason.QueueFull), exchangeName, routingKey);
            }
        }

        return new CommittedPublish(exchangeName, routingKey, message, queues, [.. route.Delayed]);
    }

    /// <summary>Waits, as publishers do, while messages take too much memory or the journal is too long. Where the disk has failed it does not wait: the
    /// commit will say so.</summary>
    /// <param name="isStored">Whether any of what is to be published is stored.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ConnectionException">The broker has stopped.</exception>
    internal ValueTask WaitForRoomAsync(bool isStored, CancellationToken cancellationToken)
        => _services.Room.WaitAsync(() => _services.Memory.IsBlocked || (isStored && _services.Store.IsFull), cancellationToken);

    /// <summary>Commits: when this completes, everything is safe, receipts are known and messages are in their queues.</summary>
    /// <param name="publishes">What is published.</param>
    /// <param name="acknowledged">What is acknowledged. The caller holds it, and settles it in the usual way after this.</param>
    /// <param name="receipts">What is dealt with.</param>
    /// <exception cref="JournalException">The store takes nothing at present, or the disk failed: nothing has happened.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal async ValueTask CommitAsync(CommittedPublish[] publishes, IReadOnlyList<QueueEntry> acknowledged, Receipt[] receipts)
    {
        MessageStore store = _services.Store;
        ulong[] ids = publishes.Length == 0 ? [] : new ulong[publishes.Length];
        ulong endedAt = 0;
        if (store.IsDurable)
        {
            StoredSource[] left = StoredOf(acknowledged);
            BatchMessage[] messages = ToStore(publishes, out int[] indexes);
            if (left.Length + messages.Length + receipts.Length > 0)
            {
                ulong[] stored = store.AppendCommit(messages, left, receipts, out endedAt);
                if (endedAt == 0)
                {
                    throw store.NotKept();
                }

                if (!await store.IsSafeAsync(endedAt).ConfigureAwait(false))
                {
                    store.AbandonCommit(messages, stored);
                    throw store.NotKept();
                }

                for (int i = 0; i < stored.Length; i++)
                {
                    ids[indexes[i]] = stored[i];
                }
            }
        }

        store.AddReceipts(receipts, endedAt);
        for (int i = 0; i < publishes.Length; i++)
        {
            Deliver(publishes[i], ids[i]);
        }
    }

    private static StoredSource[] StoredOf(IReadOnlyList<QueueEntry> entries)
    {
        StoredSource[] stored = entries.Count == 0 ? [] : new StoredSource[entries.Count];
        int count = 0;
        for (int i = 0; i < entries.Count; i++)
        {
            QueueEntry entry = entries[i];
            if (entry.IsStored && entry.Message.Properties.IsPersistent && entry.Owner is Queue { Stored: { } queue })
            {
                stored[count++] = new StoredSource(queue, entry);
            }
        }

        return count == stored.Length ? stored : stored[..count];
    }

    private static BatchMessage[] ToStore(CommittedPublish[] publishes, out int[] indexes)
    {
        indexes = [];
        if (publishes.Length == 0)
        {
            return [];
        }

        List<BatchMessage> messages = [];
        List<int> stored = [];
        for (int i = 0; i < publishes.Length; i++)
        {
            CommittedPublish publish = publishes[i];
            QueueRef[] refs = new QueueRef[publish.Queues.Length + publish.Delayed.Length];
            int count = publish.Message.Properties.IsPersistent ? CollectRefs(publish.Queues, publish.Delayed, publish.Message, refs) : 0;
            if (count > 0)
            {
                messages.Add(BatchMessage.Of(publish.Exchange, publish.RoutingKey, publish.Message, refs.AsMemory(0, count)));
                stored.Add(i);
            }
        }

        indexes = [.. stored];
        return [.. messages];
    }

    private void Deliver(in CommittedPublish publish, ulong storedAt)
    {
        foreach (IDestination destination in publish.Queues)
        {
            if (destination is Queue queue)
            {
                queue.EnqueueCommitted(publish.Message, publish.Exchange, publish.RoutingKey, storedAt);
            }
            else
            {
                EnqueueReply((IMessageSink)destination, publish.Message, publish.Exchange, publish.RoutingKey);
            }
        }

        foreach (DelayedExchange delayed in publish.Delayed)
        {
            Hold(delayed, publish.Exchange, publish.RoutingKey, publish.Message, storedAt);
        }
    }
}
