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
                return;
        }

        ReturnCredit(deliveries);
    }

    // One call a queue, so that a queue sorts all that comes back into place before it delivers any of it again. It gives the credit back too: sooner,
    // a message that is published beside this would overtake what comes back; later, what a consumer of a high priority puts back would go to a lower one.
    private static void Requeue(List<Unsettled> deliveries)
    {
        if (deliveries.Count == 1 && deliveries[0] is { IsUnseen: false } only)
        {
            HostOf(only).Requeue([only.Entry], [], only.Consumer is { } holder ? [holder] : []);
            return;
        }

        Dictionary<IConsumerHost, (List<QueueEntry> Failed, List<QueueEntry> Unseen, List<Consumer> Holders)> byQueue = new(ReferenceEqualityComparer.Instance);
        foreach (Unsettled delivery in deliveries)
        {
            ref (List<QueueEntry> Failed, List<QueueEntry> Unseen, List<Consumer> Holders) returned =
                ref CollectionsMarshal.GetValueRefOrAddDefault(byQueue, HostOf(delivery), out bool isKnown);
            if (!isKnown)
            {
                returned = ([], [], []);
            }

            (delivery.IsUnseen ? returned.Unseen : returned.Failed).Add(delivery.Entry);
            if (delivery.Consumer is { } holder)
            {
                returned.Holders.Add(holder);
            }
        }

        foreach ((IConsumerHost queue, (List<QueueEntry> failed, List<QueueEntry> unseen, List<Consumer> holders)) in byQueue)
        {
            queue.Requeue(CollectionsMarshal.AsSpan(failed), CollectionsMarshal.AsSpan(unseen), CollectionsMarshal.AsSpan(holders));
        }
    }

    // Who owns entries has the consumers that they went to.
    private static IConsumerHost HostOf(in Unsettled delivery) => (IConsumerHost)delivery.Entry.Owner;

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
