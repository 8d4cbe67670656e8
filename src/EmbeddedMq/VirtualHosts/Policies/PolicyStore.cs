using System.Text;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;

namespace EmbeddedMq.VirtualHosts;

/// <summary>The policies of one virtual host. Immutable: a change makes a new store.</summary>
/// <remarks>
/// Thread-safe. The virtual host replaces its store under its topology gate and then asks anew what applies to each queue and exchange.
/// Of several policies that match the one of the highest priority applies, whole; of equal priorities the one whose name comes first in
/// ordinal order, where RabbitMQ leaves it open.
/// </remarks>
internal sealed class PolicyStore
{
    private const int MaxNameBytes = 255; // as of every name

    private readonly Entry[] _byRank;

    private PolicyStore(IEnumerable<Entry> entries)
        => _byRank = [.. entries.OrderByDescending(static entry => entry.Policy.Priority).ThenBy(static entry => entry.Policy.Name, StringComparer.Ordinal)];

    /// <summary>No policies.</summary>
    internal static PolicyStore Empty { get; } = new([]);

    /// <summary>The policies, by name.</summary>
    internal IReadOnlyList<Policy> Policies => [.. _byRank.Select(static entry => entry.Policy).OrderBy(static policy => policy.Name, StringComparer.Ordinal)];

    /// <summary>Finds everything that is wrong with a policy that somebody wants to set.</summary>
    /// <param name="policy">The policy.</param>
    /// <remarks>Name, pattern and definition together are no longer than a record of a checkpoint. What a restart brings back was, and is not asked again.</remarks>
    internal static IReadOnlyList<string> FindFaults(Policy policy)
        => Encoding.UTF8.GetByteCount(policy.Name) is var nameBytes and > MaxNameBytes ? [MqErrors.PolicyTooLong("name", nameBytes, MaxNameBytes)]
            : Encoding.UTF8.GetByteCount(policy.Pattern) is var bytes and > HeaderSize.MaxArgumentBytes ? [MqErrors.PolicyTooLong("pattern", bytes, HeaderSize.MaxArgumentBytes)]
            : FindFaults(policy, out _);

    /// <summary>A store with a policy set, or replaced where there is one of that name.</summary>
    /// <param name="virtualHost">The virtual host, for error texts.</param>
    /// <param name="policy">The policy.</param>
    /// <exception cref="EmbeddedMqException">406: the policy is not valid or not supported; all its faults are named.</exception>
    internal PolicyStore With(string virtualHost, Policy policy)
    {
        List<string> faults = FindFaults(policy, out PolicyPattern? pattern);
        return faults.Count > 0 || pattern is null
            ? throw MqErrors.InvalidPolicy(virtualHost, policy.Name, faults)
            : new PolicyStore(Others(policy.Name).Append(new Entry(policy, pattern)));
    }

    /// <summary>A store without a policy; this one when it has none of that name.</summary>
    /// <param name="name">The policy's name.</param>
    internal PolicyStore Without(string name)
        => Array.Exists(_byRank, entry => entry.Policy.Name == name) ? new PolicyStore(Others(name)) : this;

    /// <summary>The policy that applies to a queue, or <see langword="null"/>.</summary>
    /// <param name="name">The queue's name.</param>
    /// <param name="kind">Its kind.</param>
    internal Policy? MatchQueue(string name, QueueKind kind)
    {
        foreach (Entry entry in _byRank)
        {
            if (PolicyRules.IsFor(entry.Policy, kind) && entry.Pattern.IsMatch(name))
            {
                return entry.Policy;
            }
        }

        return null;
    }

    /// <summary>The policy that applies to an exchange, or <see langword="null"/>.</summary>
    /// <param name="name">The exchange's name.</param>
    internal Policy? MatchExchange(string name)
    {
        foreach (Entry entry in _byRank)
        {
            if (entry.Policy.ApplyTo is PolicyTarget.All or PolicyTarget.Exchanges && entry.Pattern.IsMatch(name))
            {
                return entry.Policy;
            }
        }

        return null;
    }

    private static List<string> FindFaults(Policy policy, out PolicyPattern? pattern)
    {
        List<string> faults = PolicyRules.FindFaults(policy);
        if (!PolicyPattern.TryParse(policy.Pattern, out pattern, out string? fault))
        {
            faults.Add(fault);
        }

        return faults;
    }

    private IEnumerable<Entry> Others(string name) => _byRank.Where(entry => entry.Policy.Name != name);

    private readonly record struct Entry(Policy Policy, PolicyPattern Pattern);
}
