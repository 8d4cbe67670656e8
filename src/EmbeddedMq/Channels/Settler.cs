using System.Runtime.InteropServices;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Channels;

/// <summary>Carries out settlements: the queues first, then the credit of those who held the deliveries.</summary>
internal static class Settler
{
    /// <summary>Settles deliveries that have been taken from the book.</summary>
    /// <param name="deliveries">The deliveries, the oldest first.</param>
    /// <param name="settlement">How.</param>
    internal static void Settle(List<Unsettled> deliveries, Settlement settlement)
    {
        switch (settlement)
        {
            case Settlement.Acknowledge:
                foreach (Unsettled delivery in deliveries)
                {
                    delivery.Entry.Owner.Acknowledge(delivery.Entry);
                }

                break;
            case Settlement.Reject:
                foreach (Unsettled delivery in deliveries)
                {
                    delivery.Entry.Owner.Reject(delivery.Entry);
                }

                break;
            default:
                Requeue(deliveries);
                break;
        }

        ReturnCredit(deliveries);
    }

    // One call a queue, so that a queue sorts all that comes back into place before it delivers any of it again.
    private static void Requeue(List<Unsettled> deliveries)
    {
        if (deliveries.Count == 1 && deliveries[0] is { IsUnseen: false, Entry: QueueEntry entry })
        {
            entry.Owner.Requeue([entry], []);
            return;
        }

        Dictionary<IEntryOwner, (List<QueueEntry> Failed, List<QueueEntry> Unseen)> byQueue = new(ReferenceEqualityComparer.Instance);
        foreach (Unsettled delivery in deliveries)
        {
            ref (List<QueueEntry> Failed, List<QueueEntry> Unseen) entries =
                ref CollectionsMarshal.GetValueRefOrAddDefault(byQueue, delivery.Entry.Owner, out bool isKnown);
            if (!isKnown)
            {
                entries = ([], []);
            }

            (delivery.IsUnseen ? entries.Unseen : entries.Failed).Add(delivery.Entry);
        }

        foreach ((IEntryOwner queue, (List<QueueEntry> failed, List<QueueEntry> unseen)) in byQueue)
        {
            queue.Requeue(CollectionsMarshal.AsSpan(failed), CollectionsMarshal.AsSpan(unseen));
        }
    }

    private static void ReturnCredit(List<Unsettled> deliveries)
    {
        int count = 0;
        Consumer? last = null;
        foreach (Unsettled delivery in deliveries)
        {
            if (!ReferenceEquals(delivery.Consumer, last))
            {
                last?.ReturnCredit(count);
                last = delivery.Consumer;
                count = 0;
            }

            count++;
        }

        last?.ReturnCredit(count);
    }
}
