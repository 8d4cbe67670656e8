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

        foreach (TopologyItem.QueueDeclared queue in recovered.Queues.Values)
        {
            Restore(_queues[queue.Declaration.Name], store.QueueOf(queue.Id), store, isClean);
        }

        StoredMessageReader reader = new(_services.Store.Journal);
        foreach (ExchangeDeclared exchange in recovered.Exchanges.Values)
        {
            if (FindExchange(exchange.Declaration.Name) is DelayedExchange delayed)
            {
                Restore(delayed, exchange.Id, store, reader);
            }
        }
    }

    /// <summary>Lets the queues go on, after everything of all virtual hosts has been taken up.</summary>
    internal void EndRestore()
    {
        foreach (Queue queue in _queues.Values)
        {
            queue.EndRestore();
        }
    }

    /// <summary>What a checkpoint holds of this virtual host, as it is now.</summary>
    internal IReadOnlyList<TopologyItem> DescribeStored()
    {
        List<TopologyItem> items = [new VirtualHostAdded(Name)];
        lock (_topologyGate)
        {
            if (_isEnded)
            {
                return [];
            }

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
                    if (stored.RedeliveredBelow > 0)
                    {
                        items.Add(new QueueRedelivered(stored.Id, new StoredId(stored.RedeliveredBelow)));
                    }

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

    // Everything begins on disk; what consumers want comes into memory as they want it.
    private void Restore(Queue queue, RecoveredQueue recovered, RecoveredStore store, bool isClean)
    {
        bool isRedelivered = recovered.IsTouched && !isClean;
        queue.Stored!.RedeliveredBelow = isRedelivered ? store.EndId : recovered.RedeliveredBelow;
        queue.Stored.IsNameless = recovered.IsNameless;
        RecoveredRuns runs = new(_services.Store.Journal);
        foreach (RecoveredBlock block in recovered.Blocks.Where(static block => block.Block.LiveCount > 0))
        {
            Restore(block);
            runs.Add(block);
        }

        foreach (RecoveredEntry entry in recovered.Live)
        {
            Claim(entry.Id, store);
            bool wasDelivered = recovered.Marks.TryGetValue(entry.Id, out int failedDeliveries);
            if (recovered.Expiries.TryGetValue(entry.Id, out long expiresUtcMs))
            {
                queue.Stored.RestoreExpiry(entry.Id, expiresUtcMs);
            }

            bool redelivered = wasDelivered || entry.Id < queue.Stored.RedeliveredBelow;
            runs.Add(queue.LevelOf(entry.Priority), StoredBacklog.Recovered(entry.Id, entry.BodyBytes, redelivered, failedDeliveries));
        }

        foreach ((byte level, IReadOnlyCollection<AwayRun> inOrder) in runs.Build())
        {
            queue.RestoreAway(level, inOrder);
        }
    }

    private void Restore(RecoveredBlock recovered)
    {
        _services.Store.Blocks.Add(new ColdBlock(recovered.Block, recovered.Descriptor));
        foreach (BlockMark mark in recovered.Marks)
        {
            _services.Store.Blocks.Mark(recovered.Block, mark.Index, mark.FailedDeliveries);
        }
    }

    // In the order in which they are due: what became due while the broker was stopped comes in that order too.
    private void Restore(DelayedExchange exchange, uint id, RecoveredStore store, StoredMessageReader reader)
    {
        List<(ulong Id, ReadMessage Read)> held = [];
        foreach (RecoveredEntry entry in store.QueueOf(id).Live)
        {
            Claim(entry.Id, store);
            held.Add((entry.Id, reader.Read(new StoredId(entry.Id), id)));
        }

        long utcNowMs = _services.Clock.UtcNow.ToUnixTimeMilliseconds();
        foreach ((ulong entryId, ReadMessage read) in held.OrderBy(static message => message.Read.ExpiresUtcMs ?? 0))
        {
            TimeSpan rest = TimeSpan.FromMilliseconds(Math.Max(0, (read.ExpiresUtcMs ?? 0) - utcNowMs));
            Hold(exchange, read.Message.Exchange, read.Message.RoutingKey, read.Message.Message, entryId, rest);
        }
    }

    private void Claim(ulong id, RecoveredStore store) => _services.Store.RestoreClaim(new StoredId(id), store.FirstChunks.GetValueOrDefault(id));
}
