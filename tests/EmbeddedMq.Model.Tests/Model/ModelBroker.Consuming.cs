using EmbeddedMq.Model.Tests.Scripts;

namespace EmbeddedMq.Model.Tests.Model;

/// <content>Getting, consuming and settling.</content>
internal sealed partial class ModelBroker
{
    private string Get(ModelChannel channel, Command.Get command)
    {
        ModelQueue queue = FindQueue(channel, command.Queue);
        queue.LastUsed = _now;
        if (queue.Ready.Count == 0)
        {
            return "empty";
        }

        ModelEntry entry = queue.Ready[0];
        queue.Ready.RemoveAt(0);
        int remaining = queue.Ready.SkipWhile(e => _now >= e.ExpiresAt).Count(); // what has expired at the head is gone by the answer
        if ((HeadHasExpired(queue) || queue.Waiting.Count > 0) && choices.Next(2) == 1)
        {
            // What the queue does next may give this channel deliveries with earlier tags than the answer's.
            Pump(queue);
            RunAgenda();
        }

        ModelDelivery delivery = new(++channel.LastTag, entry, channel, consumer: null);
        if (command.AutoAck)
        {
            Settle(entry);
        }
        else
        {
            channel.Unacked.Add(delivery);
        }

        Pump(queue);
        return $"got {Describe(delivery)} remaining {remaining}";
    }

    private string Consume(ModelChannel channel, Command.Consume command)
    {
        if (channel.Consumers.Exists(c => c.End is null && c.Tag == command.Tag))
        {
            throw FailConnection(channel.Connection, 530, $"NOT_ALLOWED - attempt to reuse consumer tag '{command.Tag}'");
        }

        ModelQueue queue = FindQueue(channel, command.Queue);

        int prefetch = command.Prefetch ?? channel.DefaultPrefetch;
        int credit = command.AutoAck ? AutoAckWindow : prefetch == 0 ? int.MaxValue / 2 : prefetch + (flaw == ModelFlaw.PrefetchIsOneTooHigh ? 1 : 0);
        ModelConsumer consumer = new(command.Consumer, command.Tag, channel, queue, command.AutoAck, credit, command.Priority);
        _consumers.Add(consumer);
        channel.Consumers.Add(consumer);
        queue.Consumers.Add(consumer);
        queue.Turns.Add(consumer);
        Pump(queue);
        return "ok";
    }

    /// <summary>The consumer whose turn it is to take a message: of the highest priority that has credit, the first in the order of turns.</summary>
    private ModelConsumer? TakeTurn(ModelQueue queue)
    {
        foreach (int priority in queue.Turns.Select(static c => c.Priority).Distinct().OrderDescending().ToList())
        {
            while (queue.Turns.Find(c => c.Priority == priority) is { } consumer)
            {
                queue.Turns.Remove(consumer);
                if (HasCredit(consumer))
                {
                    consumer.Credit--;
                    queue.Turns.Insert(flaw == ModelFlaw.NoTurns ? 0 : queue.Turns.Count, consumer);
                    return consumer;
                }

                consumer.IsStarved = true;
            }
        }

        return null;
    }

    private static bool HasCredit(ModelConsumer consumer)
    {
        ModelChannel channel = consumer.Channel;
        return consumer.Credit > 0
            && (consumer.AutoAck || channel.Window == 0 || channel.Unacked.Count(static d => d.Consumer is { AutoAck: false }) + channel.ReturningPlaces < channel.Window);
    }

    private void HandOver(ModelEntry entry, ModelConsumer consumer)
    {
        ModelDelivery delivery = new(++consumer.Channel.LastTag, entry, consumer.Channel, consumer);
        consumer.Channel.Unacked.Add(delivery);
        consumer.Mailbox.Add(delivery);
    }

    private string Read(Command.Read command)
    {
        ModelConsumer consumer = _consumers[command.Consumer];
        if (consumer.Mailbox.Count == 0)
        {
            return consumer.End is null ? "nothing came" : "end";
        }

        ModelDelivery delivery = consumer.Mailbox[0];
        consumer.Mailbox.RemoveAt(0);
        if (consumer.AutoAck && consumer.Channel.Unacked.Remove(delivery))
        {
            Settle(delivery.Entry);
            ReturnCredit(consumer, 1);
        }

        return "read " + Describe(delivery);
    }

    private string Cancel(ModelConsumer consumer, ConsumerEnd end)
    {
        if (consumer.End is null)
        {
            EndConsumer(consumer, end);
        }

        return "ok";
    }

    private string DisposeConsumer(ModelConsumer consumer)
    {
        Cancel(consumer, ConsumerEnd.Cancelled);
        List<ModelDelivery> unread = consumer.Mailbox.FindAll(consumer.Channel.Unacked.Contains);
        consumer.Mailbox.Clear();
        consumer.Channel.Unacked.RemoveAll(unread.Contains);
        PutBack(consumer.Channel, unread, unread);
        return "ok";
    }

    /// <summary>A consumer ends; the last one takes an auto-delete queue with it, or starts the idle time of one that expires.</summary>
    private void EndConsumer(ModelConsumer consumer, ConsumerEnd end)
    {
        consumer.End = end;
        consumer.IsStarved = false;
        ModelQueue queue = consumer.Queue;
        queue.Turns.Remove(consumer);
        queue.Consumers.Remove(consumer);
        if (queue.Consumers.Count == 0)
        {
            queue.LastUsed = _now;
            if (queue.Declaration.IsAutoDelete)
            {
                RemoveQueue(queue);
            }
        }
    }

    private string Ack(ModelChannel channel, Command.Ack command)
    {
        List<ModelDelivery> taken = Take(channel, command.Tag, command.Multiple);
        taken.ForEach(d => Settle(d.Entry));
        OfferCredit(channel, taken);
        return "ok";
    }

    private string Nack(ModelChannel channel, ulong tag, bool multiple, bool requeue)
    {
        List<ModelDelivery> taken = Take(channel, tag, multiple);
        if (requeue)
        {
            PutBack(channel, taken, []);
            return "ok";
        }

        int places = KeepPlaces(channel, taken);
        foreach (ModelDelivery delivery in taken.Where(d => _queues.Contains(d.Entry.Queue)))
        {
            Later((channel, "reject"), () => Die(delivery.Entry.Queue, delivery.Entry.Message, "rejected"));
        }

        Later((channel, "reject"), () => channel.ReturningPlaces -= places);
        OfferCredit(channel, taken);
        return "ok";
    }

    private string Recover(ModelChannel channel)
    {
        List<ModelDelivery> taken = channel.Unacked.FindAll(static d => !d.IsAutoAck);
        channel.Unacked.RemoveAll(taken.Contains);
        PutBack(channel, taken, []);
        return "ok";
    }

    /// <summary>Takes deliveries out of the channel's books by tag; 0 with multiple means all.</summary>
    private List<ModelDelivery> Take(ModelChannel channel, ulong tag, bool multiple)
    {
        List<ModelDelivery> own = channel.Unacked.FindAll(static d => !d.IsAutoAck);
        if (!(multiple && tag == 0) && !own.Exists(d => d.Tag == tag))
        {
            throw Fail(channel, 406, $"PRECONDITION_FAILED - unknown delivery tag {tag}");
        }

        ulong last = flaw == ModelFlaw.MultipleTakesOneMore ? tag + 1 : tag;
        List<ModelDelivery> taken = own.FindAll(d => multiple ? tag == 0 || d.Tag <= last : d.Tag == tag);
        channel.Unacked.RemoveAll(taken.Contains);
        return taken;
    }

    /// <summary>An entry has been processed.</summary>
    private void Settle(ModelEntry entry)
    {
        if (_queues.Contains(entry.Queue))
        {
            entry.Queue.AckedTotal++;
            Fates.Add((entry.Message.Id, $"acked in '{entry.Queue.Name}'"));
        }
    }

    /// <summary>Puts deliveries back, queue by queue and each queue's at once, so that the order of the queue decides who is next. Those
    /// that no application has read did not fail.</summary>
    private void PutBack(List<ModelDelivery> deliveries, List<ModelDelivery> unread)
    {
        foreach (IGrouping<ModelQueue, ModelDelivery> group in deliveries.GroupBy(static d => d.Entry.Queue).ToList())
        {
            Later(group.Key, () => PutBackInto(group.Key, [.. group], unread));
        }
    }

    /// <summary>The same for a channel that stays open: then its window has room for others.</summary>
    private void PutBack(ModelChannel channel, List<ModelDelivery> deliveries, List<ModelDelivery> unread)
    {
        int places = KeepPlaces(channel, deliveries);
        PutBack(deliveries, unread);
        Later((channel, "places"), () => channel.ReturningPlaces -= places);
        OfferWindow(channel, deliveries);
    }

    /// <summary>Until they are settled deliveries keep their places in the channel's window.</summary>
    private static int KeepPlaces(ModelChannel channel, List<ModelDelivery> deliveries)
    {
        int places = deliveries.Count(static d => d.Consumer is { AutoAck: false });
        channel.ReturningPlaces += places;
        return places;
    }

    private void PutBackInto(ModelQueue queue, List<ModelDelivery> deliveries, List<ModelDelivery> unread)
    {
        if (!_queues.Contains(queue))
        {
            deliveries.ForEach(d => Fates.Add((d.Entry.Message.Id, $"came back when '{queue.Name}' had gone")));
            return;
        }

        foreach (ModelDelivery delivery in deliveries)
        {
            ModelEntry entry = delivery.Entry;
            entry.Redelivered = flaw != ModelFlaw.RedeliveredIsForgotten;
            if (!unread.Contains(delivery))
            {
                entry.FailedDeliveries++;
            }

            if (entry.FailedDeliveries > queue.DeliveryLimit - (flaw == ModelFlaw.DeliveryLimitIsOneTooLow ? 1 : 0))
            {
                Die(queue, entry.Message, "delivery_limit");
            }
            else
            {
                queue.RequeuedTotal++;
                Insert(entry);
            }
        }

        foreach (ModelConsumer holder in deliveries.Select(static d => d.Consumer).OfType<ModelConsumer>())
        {
            GiveCredit(holder, 1);
        }

        DropBeyondLimits(queue);
        Pump(queue);
    }

    /// <summary>Settled deliveries leave room in their consumers' prefetch and in the channel's window.</summary>
    private void OfferCredit(ModelChannel channel, List<ModelDelivery> settled)
    {
        // In the order of the tags; neighbours of one consumer together.
        for (int first = 0, next; first < settled.Count; first = next)
        {
            next = settled.FindIndex(first, d => d.Consumer != settled[first].Consumer);
            next = next < 0 ? settled.Count : next;
            if (settled[first].Consumer is { } consumer)
            {
                int count = next - first;
                Later(consumer, () => ReturnCredit(consumer, count));
            }
        }

        OfferWindow(channel, settled);
    }

    private void OfferWindow(ModelChannel channel, List<ModelDelivery> settled)
    {
        if (channel.Window == 0)
        {
            return;
        }

        // What was taken with get held no place in the window: the channel's consumers may be asked again all the same, or not.
        bool asksAll = settled.Exists(static d => d.Consumer is not null);
        if (asksAll || choices.Next(channel.Consumers.Exists(static c => c.IsStarved) ? 2 : 1) == 1)
        {
            OfferWindow(channel);
        }
    }

    private void OfferWindow(ModelChannel channel)
    {
        foreach (ModelConsumer consumer in channel.Consumers)
        {
            Later(consumer, () => ReturnCredit(consumer, 0));
        }
    }

    private void ReturnCredit(ModelConsumer consumer, int count)
    {
        if (GiveCredit(consumer, count))
        {
            Pump(consumer.Queue);
        }
    }

    /// <summary>Gives credit back; one that had none takes its turn again.</summary>
    private static bool GiveCredit(ModelConsumer consumer, int count)
    {
        consumer.Credit += count;
        if (!consumer.IsStarved)
        {
            return false;
        }

        consumer.IsStarved = false;
        consumer.Queue.Turns.Add(consumer);
        return true;
    }

    private string SetPrefetch(ModelChannel channel, Command.SetPrefetch command)
    {
        // A prefetch per consumer ends the window that they shared.
        channel.Window = command.PerChannel ? command.Count : 0;
        channel.DefaultPrefetch = command.PerChannel ? channel.DefaultPrefetch : command.Count;
        OfferWindow(channel);
        return "ok";
    }

    private int Unacked(ModelQueue queue) => _channels.Sum(c => c.Unacked.Count(d => d.Entry.Queue == queue));

    private static string Describe(ModelDelivery delivery)
    {
        ModelMessage message = delivery.Entry.Message;
        return Render.Delivery(
            message.Id, message.Exchange, message.Key, delivery.Tag, delivery.Consumer?.Tag, delivery.Redelivered, delivery.FailedDeliveries,
            message.Priority, message.Expiration,
            message.Deaths.Select(static d => Render.Death(d.Queue, d.Reason, d.Count, d.Second, d.Exchange, d.Key, d.Expiration)));
    }
}
