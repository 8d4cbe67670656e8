using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.Storage.Recovery;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.VirtualHosts;

/// <content>Taking up what a restart brings back. Nothing of it is appended to the journal: it is there.</content>
internal sealed partial class VirtualHost
{
    /// <summary>Takes up names, bindings and policies, and then the messages.</summary>
    /// <param name="recovered">What was found of this virtual host.</param>
    /// <param name="store">What was found in all.</param>
    /// <param name="isClean">Whether the last stop was in order; if not, whatever may have been delivered counts as that.</param>
    internal void Restore(RecoveredVirtualHost recovered, RecoveredStore store, bool isClean)
    {
        lock (_topologyGate)
        {
            foreach (Policy policy in recovered.Policies.Values)
            {
                _policies = _policies.With(Name, policy);
            }

            foreach (ExchangeDeclared exchange in recovered.Exchanges.Values)
            {
                Add_NeedsGate(ExchangeFactory.Create(Name, exchange.Declaration), _services.Store.RestoreQueue(exchange.Id));
            }

            foreach (TopologyItem.QueueDeclared queue in recovered.Queues.Values)
            {
                QueueSettings settings = QueueArguments.Parse(Name, queue.Declaration);
                Add_NeedsGate(queue.Declaration, settings, null, _services.Store.RestoreQueue(queue.Id)).Counts(touch: true);
            }

            foreach (Bound bound in recovered.Bindings)
            {
                IDestination? destination = bound.DestinationKind == DestinationKind.Queue ? _queues.GetValueOrDefault(bound.Destination) : FindExchange(bound.Destination);
                if (destination is not null && FindExchange(bound.Source) is { } source)
                {
                    AddBinding_NeedsGate(source, new Binding(source.Name, destination, bound.RoutingKey, bound.Arguments));
                }
            }
        }

        StoredMessageReader reader = new(_services.Store.Journal.Hot);
        foreach (TopologyItem.QueueDeclared queue in recovered.Queues.Values)
        {
            _queues[queue.Declaration.Name].Restore(Read(reader, queue.Id, store.QueueOf(queue.Id), isClean));
        }

        foreach (ExchangeDeclared exchange in recovered.Exchanges.Values)
        {
            if (FindExchange(exchange.Declaration.Name) is DelayedExchange delayed)
            {
                Restore(delayed, exchange.Id, store.QueueOf(exchange.Id), reader);
            }
        }
    }

    /// <summary>What a checkpoint holds of this virtual host, as it is now.</summary>
    internal IReadOnlyList<TopologyItem> DescribeStored()
    {
        List<TopologyItem> items = [new VirtualHostAdded(Name)];
        lock (_topologyGate)
        {
            items.AddRange(_policies.Policies.Select(policy => new PolicySet(Name, policy)));
            foreach (Exchange exchange in _exchanges.Values.Where(static exchange => exchange.Declaration.IsDurable))
            {
                if (!IsPredeclared(exchange.Name))
                {
                    items.Add(new ExchangeDeclared(Name, (exchange as DelayedExchange)?.Stored?.Id ?? 0, exchange.Declaration));
                }
            }

            foreach (Queue queue in _queues.Values)
            {
                if (queue.Stored is { } stored)
                {
                    items.Add(new TopologyItem.QueueDeclared(Name, stored.Id, queue.Declaration));
                    if (stored.IsTouched)
                    {
                        items.Add(new QueueTouched(stored.Id));
                    }
                }
            }

            foreach (Binding binding in _exchanges.Values.SelectMany(static exchange => exchange.GetBindings()))
            {
                if (IsStored(binding, FindExchange(binding.Source)!))
                {
                    items.Add(new Bound(Name, binding.Source, binding.Destination.Kind, binding.Destination.Name, binding.RoutingKey, binding.Arguments));
                }
            }
        }

        return items;
    }

    private static bool IsPredeclared(string exchange) => exchange.Length == 0 || exchange.StartsWith("amq.", StringComparison.Ordinal);

    private IEnumerable<RestoredMessage> Read(StoredMessageReader reader, uint queueId, RecoveredQueue recovered, bool isClean)
    {
        long nowMs = _services.Clock.NowMs;
        long utcNowMs = _services.Clock.UtcNow.ToUnixTimeMilliseconds();
        foreach (RecoveredEntry entry in recovered.Live)
        {
            Claim(entry);
            StoredMessageReader.ReadMessage read = reader.Read(new StoredId(entry.Id), queueId);
            bool wasDelivered = recovered.Marks.TryGetValue(entry.Id, out int failedDeliveries);
            yield return new RestoredMessage(
                read.Message,
                entry.Id,
                read.ExpiresUtcMs is { } expiresUtcMs ? nowMs + Math.Max(0, expiresUtcMs - utcNowMs) : null,
                wasDelivered || (recovered.IsTouched && !isClean) || entry.Id < recovered.RedeliveredBelow,
                failedDeliveries);
        }
    }

    private void Restore(DelayedExchange exchange, uint id, RecoveredQueue recovered, StoredMessageReader reader)
    {
        long utcNowMs = _services.Clock.UtcNow.ToUnixTimeMilliseconds();
        foreach (RecoveredEntry entry in recovered.Live)
        {
            Claim(entry);
            StoredMessageReader.ReadMessage read = reader.Read(new StoredId(entry.Id), id);
            DelayedExchange.TryGetDelay(read.Message.Message.Headers, out TimeSpan delay);
            TimeSpan rest = delay - TimeSpan.FromMilliseconds(utcNowMs - read.PublishedUtcMs);
            Hold(exchange, read.Message.Exchange, read.Message.RoutingKey, read.Message.Message, entry.Id, rest < TimeSpan.Zero ? TimeSpan.Zero : rest);
        }
    }

    private void Claim(in RecoveredEntry entry) => _services.Store.RestoreClaim(new StoredId(entry.Id), 0);
}
