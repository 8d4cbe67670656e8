using System.Globalization;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.Storage.Recovery;

/// <summary>Everything that replay has found.</summary>
/// <remarks>Used by one thread.</remarks>
internal sealed class RecoveredStore
{
    private readonly Dictionary<uint, (string VirtualHost, string Name)> _queueNames = [];
    private readonly Dictionary<uint, RecoveredQueue> _queues = [];
    private readonly HashSet<uint> _otherIds = []; // of exchanges, and of queues that were deleted
    private readonly Dictionary<long, RecoveredBlock> _blocks = [];

    /// <summary>The virtual hosts, by name; the default one is always there.</summary>
    internal Dictionary<string, RecoveredVirtualHost> VirtualHosts { get; } = new(StringComparer.Ordinal)
    {
        [ConnectionOptions.DefaultVirtualHost] = new(ConnectionOptions.DefaultVirtualHost),
    };

    /// <summary>The highest id that was given to a queue or exchange.</summary>
    internal uint LastQueueId { get; private set; }

    /// <summary>Above every id that was given before the broker stopped.</summary>
    internal ulong EndId { get; set; }

    /// <summary>Where bodies begin that lie before their records, in pieces, by the id of the message.</summary>
    internal Dictionary<ulong, long> FirstChunks { get; } = [];

    /// <summary>What was found of a queue's messages.</summary>
    /// <param name="id">The queue's id.</param>
    internal RecoveredQueue QueueOf(uint id)
    {
        if (!_queues.TryGetValue(id, out RecoveredQueue? queue))
        {
            _queues.Add(id, queue = new RecoveredQueue());
            NoteId(id); // whatever became of that queue, another must not get its messages
        }

        return queue;
    }

    /// <summary>Whether a queue is known to have been deleted.</summary>
    /// <param name="id">The queue's id.</param>
    internal bool IsDeleted(uint id) => _otherIds.Contains(id);

    /// <summary>What a queue is called; its id if nobody knows.</summary>
    /// <param name="id">The queue's id.</param>
    internal string NameOf(uint id)
        => _queueNames.TryGetValue(id, out (string VirtualHost, string Name) queue) ? queue.Name : id.ToString(CultureInfo.InvariantCulture);

    /// <summary>The blocks of receipts, the oldest first.</summary>
    internal List<ReceiptBlockKept> ReceiptBlocks { get; } = [];

    /// <summary>All blocks.</summary>
    internal IEnumerable<RecoveredBlock> Blocks => _blocks.Values;

    /// <summary>The block at an address of the cold log, or <see langword="null"/>: all of it was settled before the checkpoint.</summary>
    /// <param name="address">The address.</param>
    internal RecoveredBlock? FindBlock(long address) => _blocks.GetValueOrDefault(address);

    /// <summary>Applies one change of names, bindings, policies, or one piece of a checkpoint.</summary>
    /// <param name="item">The change.</param>
    internal void Apply(TopologyItem item)
    {
        switch (item)
        {
            case VirtualHostAdded added:
                HostOf(added.Name);
                break;
            case VirtualHostRemoved removed:
                VirtualHosts.Remove(removed.Name);
                break;
            case ExchangeDeclared exchange:
                HostOf(exchange.VirtualHost).Exchanges[exchange.Declaration.Name] = exchange;
                NoteId(exchange.Id);
                _otherIds.Add(exchange.Id);
                break;
            case ExchangeDeleted exchange:
                FindHost(exchange.VirtualHost)?.RemoveExchange(exchange.Name);
                break;
            case TopologyItem.QueueDeclared queue:
                HostOf(queue.VirtualHost).Queues[queue.Declaration.Name] = queue;
                _queueNames[queue.Id] = (queue.VirtualHost, queue.Declaration.Name);
                NoteId(queue.Id);
                break;
            case QueueDeleted queue:
                Delete(queue.Id);
                break;
            case Bound binding:
                HostOf(binding.VirtualHost).Bind(binding);
                break;
            case Unbound binding:
                FindHost(binding.VirtualHost)?.Unbind(new Bound(
                    binding.VirtualHost, binding.Source, binding.DestinationKind, binding.Destination, binding.RoutingKey, binding.Arguments));
                break;
            case PolicySet set:
                HostOf(set.VirtualHost).Policies[set.Policy.Name] = set.Policy;
                break;
            case PolicyDeleted deleted:
                FindHost(deleted.VirtualHost)?.Policies.Remove(deleted.Name);
                break;
            case QueueTouched touched:
                QueueOf(touched.Id).IsTouched = true;
                break;
            case QueueRedelivered redelivered:
                QueueOf(redelivered.Id).RedeliveredBelow = redelivered.Below.Value;
                break;
            case QueueBlockKept block:
                AddBlock(block);
                break;
            case ReceiptBlockKept block:
                if (!ReceiptBlocks.Contains(block)) // a salvaged store may show it several times
                {
                    ReceiptBlocks.Add(block);
                }

                break;
            case NextQueueId next:
                LastQueueId = Math.Max(LastQueueId, Math.Max(next.Id, 1) - 1);
                break;
            default:
                throw new RecordFormatException($"a change of kind {item.GetType().Name} is unknown");
        }
    }

    /// <summary>Gives names to queues that have messages and whose declaration was damaged: of a salvaged store.</summary>
    internal void NameNamelessQueues()
    {
        foreach ((uint id, RecoveredQueue queue) in _queues.ToList())
        {
            if (!_queueNames.ContainsKey(id) && !_otherIds.Contains(id) && (queue.Live.Any() || queue.Blocks.Count > 0))
            {
                QueueDeclaration declaration = new(string.Create(CultureInfo.InvariantCulture, $"salvaged-{id}")) { IsDurable = true };
                byte highest = queue.Blocks.Select(static block => block.Block.Level).DefaultIfEmpty().Max(); // without that level they would have no place
                queue.IsNameless = true;
                Apply(new TopologyItem.QueueDeclared(ConnectionOptions.DefaultVirtualHost, id, highest == 0 ? declaration : declaration.WithMaxPriority(highest)));
            }
        }
    }

    /// <summary>Takes out a block that cannot be read.</summary>
    /// <param name="block">The block.</param>
    internal void Remove(RecoveredBlock block)
    {
        _blocks.Remove(block.Block.Address);
        QueueOf(block.Block.QueueId).Blocks.Remove(block);
    }

    // A salvaged store may show a block several times, each with more of it settled.
    private void AddBlock(QueueBlockKept kept)
    {
        BlockDescriptor descriptor = kept.Block;
        if (_blocks.TryGetValue(descriptor.Address, out RecoveredBlock? before))
        {
            Remove(before);
        }

        StoredBlock block = new(kept.QueueId, kept.Level, descriptor.Address, descriptor.Length, descriptor.Count, descriptor.BodyBytes);
        for (int index = 0; index < descriptor.Count; index++)
        {
            if (index / 64 < kept.Settled.Length && (kept.Settled.Span[index / 64] & (1UL << (index % 64))) != 0)
            {
                block.Settle(index);
            }
        }

        RecoveredBlock recovered = new(block, descriptor);
        foreach (BlockMark mark in kept.Marks)
        {
            recovered.Mark(mark.Index, mark.FailedDeliveries);
        }

        QueueOf(kept.QueueId).Blocks.Add(recovered);
        _blocks[block.Address] = recovered;
    }

    // A name may have been given to another queue since; that one stays.
    private void Delete(uint id)
    {
        _otherIds.Add(id);
        _queues.Remove(id);
        if (_queueNames.Remove(id, out (string VirtualHost, string Name) queue)
            && FindHost(queue.VirtualHost) is { } host
            && host.Queues.TryGetValue(queue.Name, out TopologyItem.QueueDeclared? declared)
            && declared.Id == id)
        {
            host.RemoveQueue(queue.Name);
        }
    }

    private RecoveredVirtualHost HostOf(string name)
    {
        if (!VirtualHosts.TryGetValue(name, out RecoveredVirtualHost? host))
        {
            VirtualHosts.Add(name, host = new RecoveredVirtualHost(name));
        }

        return host;
    }

    // What is taken away in a virtual host that is gone is gone already.
    private RecoveredVirtualHost? FindHost(string name) => VirtualHosts.GetValueOrDefault(name);

    private void NoteId(uint id) => LastQueueId = Math.Max(LastQueueId, id);
}
