using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Queues;

namespace EmbeddedMq.VirtualHosts;

/// <content>Importing definitions.</content>
internal sealed partial class VirtualHost
{
    /// <summary>Finds what keeps a definition, valid in itself, from being declared beside what exists.</summary>
    /// <param name="definition">The definition.</param>
    /// <returns>One text a fault; empty when nothing does.</returns>
    internal IReadOnlyList<string> FindImportFaults(VirtualHostDefinition definition)
    {
        List<string> faults = [];
        foreach (ExchangeDeclaration exchange in definition.Exchanges)
        {
            if (FindExchange(exchange.Name) is { } existing)
            {
                NoteFault(faults, () => ExchangeEquivalence.Check(Name, existing.Declaration, exchange));
            }
        }

        int newQueues = 0;
        foreach (QueueDeclaration queue in definition.Queues)
        {
            if (!_queues.TryGetValue(queue.Name, out Queue? existing))
            {
                newQueues++;
                continue;
            }

            NoteFault(faults, () =>
            {
                RefuseOtherOwner(existing, this, queue.IsExclusive);
                QueueEquivalence.Check(Name, existing.Declaration, queue);
            });
        }

        if (_services.Limits.MaxQueuesPerVirtualHost is { } max && newQueues > 0 && _queues.Count + newQueues > max)
        {
            faults.Add(MqErrors.TooManyQueues(Name, definition.Queues[^1].Name, max).Message);
        }

        return faults;
    }

    /// <summary>Declares what a definitions file holds for this virtual host; what exists stays as it is.</summary>
    /// <param name="definition">The definition, valid in itself.</param>
    internal void Import(VirtualHostDefinition definition)
    {
        foreach (ExchangeDeclaration exchange in definition.Exchanges.Where(exchange => FindExchange(exchange.Name) is null))
        {
            DeclareExchange(exchange);
        }

        foreach (Policy policy in definition.Policies)
        {
            SetPolicy(policy);
        }

        foreach (QueueDeclaration queue in definition.Queues.Where(queue => !_queues.ContainsKey(queue.Name)))
        {
            DeclareQueue(queue, this);
        }

        foreach (BindingDescription binding in definition.Bindings)
        {
            if (binding.DestinationKind == DestinationKind.Queue)
            {
                BindQueue(binding.Destination, binding.Source, binding.RoutingKey, binding.Arguments, this);
            }
            else
            {
                BindExchange(binding.Destination, binding.Source, binding.RoutingKey, binding.Arguments);
            }
        }
    }

    private static void NoteFault(List<string> faults, Action check)
    {
        try
        {
            check();
        }
        catch (ChannelException error)
        {
            faults.Add(error.Message);
        }
    }
}
