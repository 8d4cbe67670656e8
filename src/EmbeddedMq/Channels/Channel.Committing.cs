using System.Runtime.CompilerServices;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Channels;

/// <content>Commits that are not AMQP's: several may be under way at once, each for deliveries of its own.</content>
internal sealed partial class Channel
{
    /// <summary>The virtual host that the channel works in.</summary>
    internal VirtualHost Host => _virtualHost;

    /// <summary>Acknowledges deliveries, publishes messages and notes receipts: all of it or nothing, in one record of the journal. When it completes, it
    /// is as safe as the broker promises, and only then are the messages in their queues.</summary>
    /// <param name="deliveryTags">What is acknowledged. One that is unknown, settled by its handler or put back when the channel closed, is passed over.</param>
    /// <param name="publishes">What is published, in order. No more messages than are acknowledged take their place; more wait as publishes do, while
    /// messages take too much memory or the journal is too long.</param>
    /// <param name="receipts">What is dealt with.</param>
    /// <param name="cancellationToken">Stops that waiting, and nothing that follows it.</param>
    /// <exception cref="ChannelException">A message or its exchange is not as AMQP has it; the channel stays open. Nothing has happened.</exception>
    /// <exception cref="PublishException">A mandatory message finds no queue, or a full queue refuses one. Nothing has happened.</exception>
    /// <exception cref="JournalException">The store takes nothing at present, or the disk failed. Nothing has happened; the deliveries are unsettled.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal async ValueTask CommitAsync(
        ReadOnlyMemory<ulong> deliveryTags, IReadOnlyList<OutboxMessage> publishes, Receipt[] receipts, CancellationToken cancellationToken = default)
    {
        if (publishes.Count > deliveryTags.Length)
        {
            await _virtualHost.WaitForRoomAsync(publishes.Any(static publish => publish.Message.Properties.IsPersistent), cancellationToken).ConfigureAwait(false);
        }

        CommittedPublish[] routed = publishes.Count == 0 ? [] : [.. publishes.Select(Route)];
        List<Unsettled> deliveries = new(deliveryTags.Length);
        foreach (ulong tag in deliveryTags.Span)
        {
            if (_unacked.TryTake(tag, out Unsettled delivery, keepsPlace: true))
            {
                deliveries.Add(delivery);
            }
        }

        NamedPlaces named = _virtualHost.Services.Store.Named;
        int phase = named.Enter();
        try
        {
            try
            {
                await _virtualHost.CommitAsync(routed, EntriesOf(deliveries), receipts).ConfigureAwait(false);
            }
            catch
            {
                if (!_unacked.TryPutBack(deliveries))
                {
                    Settler.Settle(deliveries, Settlement.Requeue); // the channel has closed meanwhile
                }

                throw;
            }

            Settle(deliveries, Settlement.Acknowledge);
        }
        finally
        {
            named.Leave(phase);
        }
    }

    private static QueueEntry[] EntriesOf(List<Unsettled> deliveries)
    {
        QueueEntry[] entries = deliveries.Count == 0 ? [] : new QueueEntry[deliveries.Count];
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = deliveries[i].Entry;
        }

        return entries;
    }

    private CommittedPublish Route(OutboxMessage outgoing)
    {
        MessageCheck.CheckName("routing key", outgoing.RoutingKey, Limits);
        MessageCheck.CheckSize(outgoing.Message, Limits);
        if (outgoing.Message.Properties.ReplyTo is ReplyQueue.PseudoName)
        {
            throw MqErrors.NoReplyConsumer();
        }

        return MessageCheck.FindFault(outgoing.Message.Properties, _connection.UserName, Limits) is { } fault
            ? throw fault
            : _publisher.RouteForCommit(outgoing.Exchange, outgoing.RoutingKey, outgoing.Message, outgoing.Mandatory);
    }
}
