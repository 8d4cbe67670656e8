using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Queues;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.VirtualHosts;

/// <content>Policies: which applies to what.</content>
internal sealed partial class VirtualHost
{
    private volatile PolicyStore _policies = PolicyStore.Empty; // replaced under _topologyGate

    /// <summary>The policies, by name.</summary>
    internal IReadOnlyList<Policy> Policies => _policies.Policies;

    /// <summary>Sets a policy, or replaces the one of its name; it applies at once.</summary>
    /// <param name="policy">The policy.</param>
    /// <exception cref="EmbeddedMqException">406: it is not valid; nothing has changed.</exception>
    internal void SetPolicy(Policy policy)
    {
        if (PolicyStore.FindFaults(policy) is { Count: > 0 } faults)
        {
            throw MqErrors.InvalidPolicy(Name, policy.Name, faults);
        }

        lock (_topologyGate)
        {
            _policies = _policies.With(Name, policy);
            ApplyPolicies_NeedsGate();
            Note_NeedsGate(new PolicySet(Name, policy));
        }
    }

    /// <summary>Deletes a policy; what applies in its place applies at once.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Whether there was one.</returns>
    internal bool DeletePolicy(string name)
    {
        lock (_topologyGate)
        {
            if (!_policies.Policies.Any(policy => policy.Name == name))
            {
                return false;
            }

            _policies = _policies.Without(name);
            ApplyPolicies_NeedsGate();
            Note_NeedsGate(new PolicyDeleted(Name, name));
            return true;
        }
    }

    /// <summary>The policy that applies to an exchange, or <see langword="null"/>.</summary>
    /// <param name="exchange">The exchange's name.</param>
    internal Policy? PolicyOfExchange(string exchange) => _policies.MatchExchange(exchange);

    private Policy? PolicyFor(string queue, QueueKind kind) => _policies.MatchQueue(queue, kind);

    private void ApplyPolicies_NeedsGate()
    {
        foreach (Exchange exchange in _exchanges.Values)
        {
            ApplyPolicy_NeedsGate(exchange);
        }

        foreach (Queue queue in _queues.Values)
        {
            queue.Policy = PolicyFor(queue.Name, queue.ArgumentSettings.Kind);
            queue.Apply(queue.ArgumentSettings.Under(queue.Policy));
        }

        Changed_NeedsGate();
    }

    private void ApplyPolicy_NeedsGate(Exchange exchange)
        => exchange.EffectiveAlternate = PolicyRules.AlternateExchangeOf(exchange.Declaration, _policies.MatchExchange(exchange.Name));
}
