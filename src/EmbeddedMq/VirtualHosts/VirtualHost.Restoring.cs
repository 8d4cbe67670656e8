using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Messages;
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
        foreach (IGrouping<byte, RecoveredBlock> level in recovered.Blocks.Where(static block => block.Block.LiveCount > 0).GroupBy(static block => block.Block.Level))
        {
            queue.RestoreAway(level.Key, [.. level.OrderBy(static block => block.Descriptor.First).Select(block => Restore(block))]);
        }

        foreach (IGrouping<byte, RecoveredEntry> level in recovered.Live.GroupBy(entry => queue.LevelOf(entry.Priority)))
        {
            List<AwayRun> runs = [];
            foreach (AwayEntry[] entries in CutIntoRuns(level.Select(entry => Restore(entry, queue.Stored, recovered, store))))
            {
                runs.Add(AwayRun.Of(entries));
            }

            queue.RestoreAway(level.Key, runs);
        }
    }

    private AwayRun Restore(RecoveredBlock recovered)
    {
        StoredBlock block = recovered.Block;
        _services.Store.Blocks.Add(block, recovered.Descriptor);
        foreach (BlockMark mark in recovered.Marks)
        {
            _services.Store.Blocks.Mark(block, mark.Index, mark.FailedDeliveries);
        }

        return AwayRun.Of(block, 0, block.Count, block.BodyBytes * block.LiveCount / block.Count);
    }

    private AwayEntry Restore(in RecoveredEntry entry, StoredQueue queue, RecoveredQueue recovered, RecoveredStore store)
    {
        Claim(entry.Id, store);
        bool wasDelivered = recovered.Marks.TryGetValue(entry.Id, out int failedDeliveries);
        return StoredBacklog.Recovered(entry.Id, entry.BodyBytes, wasDelivered || entry.Id < queue.RedeliveredBelow, failedDeliveries);
    }

    private static IEnumerable<AwayEntry[]> CutIntoRuns(IEnumerable<AwayEntry> entries)
    {
        List<AwayEntry> run = [];
        long bodyBytes = 0;
        foreach (AwayEntry entry in entries)
        {
            run.Add(entry);
            bodyBytes += entry.BodyBytes;
            if (run.Count == AwayRun.MaxCount || bodyBytes >= AwayRun.MaxBodyBytes)
            {
                yield return [.. run];
                run.Clear();
                bodyBytes = 0;
            }
        }

        if (run.Count > 0)
        {
            yield return [.. run];
        }
    }

    private void Restore(DelayedExchange exchange, uint id, RecoveredStore store, StoredMessageReader reader)
    {
        long utcNowMs = _services.Clock.UtcNow.ToUnixTimeMilliseconds();
        foreach (RecoveredEntry entry in store.QueueOf(id).Live)
        {
            Claim(entry.Id, store);
            ReadMessage read = reader.Read(new StoredId(entry.Id), id);
            TimeSpan rest = TimeSpan.FromMilliseconds(Math.Max(0, (read.ExpiresUtcMs ?? 0) - utcNowMs));
            Hold(exchange, read.Message.Exchange, read.Message.RoutingKey, read.Message.Message, entry.Id, rest);
        }
    }

    private void Claim(ulong id, RecoveredStore store) => _services.Store.RestoreClaim(new StoredId(id), store.FirstChunks.GetValueOrDefault(id));
}
