using System.Collections.Frozen;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;

namespace EmbeddedMq.VirtualHosts;

/// <summary>What a policy may say, and which queues RabbitMQ would apply it to.</summary>
/// <remarks>Pure. Texts and bounds as in RabbitMQ, rabbit_policies; times to live are bounded as the arguments are.</remarks>
internal static class PolicyRules
{
    private const string NotSupported = "is not supported";

    // A rule answers with the end of RabbitMQ's text, "… is not a valid message TTL", or null for a valid value.
    private static readonly FrozenDictionary<string, Func<object?, string?>> Rules = new Dictionary<string, Func<object?, string?>>
    {
        [PolicyKey.MessageTtl] = static value => IsInteger(value, 0, QueueArgumentRules.MaxDurationMs) ? null : "message TTL",
        [PolicyKey.Expires] = static value => IsInteger(value, 1, QueueArgumentRules.MaxDurationMs) ? null : "queue expiry",
        [PolicyKey.MaxLength] = static value => IsInteger(value, 0) ? null : "maximum length",
        [PolicyKey.MaxLengthBytes] = static value => IsInteger(value, 0) ? null : "maximum length in bytes",
        [PolicyKey.Overflow] = static value => value is string name && OverflowNames.IsKnown(name) ? null : "overflow value",
        [PolicyKey.DeadLetterExchange] = static value => value is string ? null : "dead letter exchange name",
        [PolicyKey.DeadLetterRoutingKey] = static value => value is string ? null : "dead letter routing key",
        [PolicyKey.DeliveryLimit] = static value => IsInteger(value, long.MinValue) ? null : "delivery limit",
        [PolicyKey.AlternateExchange] = static value => value is string ? null : "alternate exchange name",

        // Without effect within one process, where there is nothing to page, to place or to mirror; they decide on the kinds below.
        ["queue-mode"] = static value => value is "default" or "lazy" ? null : "queue-mode value",
        ["queue-version"] = static value => IsInteger(value, 1, 2) ? null : "queue-version value",
        ["dead-letter-strategy"] = static value => value is "at-most-once" or "at-least-once" ? null : "dead letter strategy",
        ["max-in-memory-length"] = static value => IsInteger(value, 0) ? null : "maximum memory in bytes",
        ["max-in-memory-bytes"] = static value => IsInteger(value, 0) ? null : "maximum memory in bytes",
        ["queue-leader-locator"] = static value
            => value is "client-local" or "balanced" or "random" or "least-leaders" ? null : "queue leader locator value",
        ["queue-master-locator"] = static value => value is string ? null : "queue master locator",
        ["target-group-size"] = static value => IsInteger(value, 1) ? null : "target group size",
        ["ha-mode"] = static value => value is string ? null : "ha-mode value",
        ["ha-params"] = static _ => null,
        ["ha-sync-mode"] = static value => value is string ? null : "ha-sync-mode value",
        ["ha-sync-batch-size"] = static value => IsInteger(value, 1) ? null : "ha-sync-batch-size value",
        ["ha-promote-on-shutdown"] = static value => value is string ? null : "ha-promote-on-shutdown value",
        ["ha-promote-on-failure"] = static value => value is string ? null : "ha-promote-on-failure value",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> Unsupported = new Dictionary<string, string>
    {
        ["max-age"] = "there are no streams",
        ["stream-max-segment-size-bytes"] = "there are no streams",
        ["stream-filter-size-bytes"] = "there are no streams",
        ["initial-cluster-size"] = "there are no streams",
        ["federation-upstream"] = "there is no federation",
        ["federation-upstream-set"] = "there is no federation",
        ["federation-upstream-pattern"] = "there is no federation",
        ["consumer-timeout"] = "acknowledgements have no time limit",
        ["consumer-disconnected-timeout"] = "acknowledgements have no time limit",
        ["shards-per-node"] = "there is no sharding",
        ["max-priority"] = "it is an argument of declarations only",
        ["single-active-consumer"] = "it is an argument of declarations only",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    // One such key keeps the whole policy from queues of that kind. Delivery limits would for classic queues; here every kind has them.
    private static readonly FrozenSet<string> NotForClassic = FrozenSet.Create(StringComparer.Ordinal, "dead-letter-strategy", "target-group-size");
    private static readonly FrozenSet<string> NotForQuorum = FrozenSet.Create(
        StringComparer.Ordinal,
        "queue-mode", "queue-master-locator", "ha-mode", "ha-params", "ha-sync-mode", "ha-promote-on-shutdown", "ha-promote-on-failure");

    /// <summary>Everything that is wrong with a policy, its pattern left out.</summary>
    /// <param name="policy">The policy.</param>
    internal static List<string> FindFaults(Policy policy)
    {
        if (HeaderSize.IsTooDeep(policy.Definition))
        {
            return [MqErrors.PolicyTooDeep(HeaderSize.MaxDepth)]; // what is looked at below is shown in texts, which goes as deep as it does
        }

        if (HeaderSize.Exceeds(policy.Definition, HeaderSize.MaxArgumentBytes, out long bytes))
        {
            return [MqErrors.PolicyTooLong("definition", bytes, HeaderSize.MaxArgumentBytes)];
        }

        List<string> faults = [];
        if (policy.Name.Length == 0)
        {
            faults.Add("the name is empty");
        }

        if (!Enum.IsDefined(policy.ApplyTo))
        {
            faults.Add($"apply-to '{policy.ApplyTo}' unrecognised; should be {PolicyTargetNames.All}");
        }

        if (policy.Definition.Count == 0)
        {
            faults.Add("no policy provided: the definition is empty");
        }

        List<string> unknown = [];
        foreach ((string key, object? value) in policy.Definition)
        {
            if (Rules.TryGetValue(key, out Func<object?, string?>? rule))
            {
                if (rule(value) is { } expected)
                {
                    faults.Add($"{ErlangTerm.Format(value)} is not a valid {expected} ({key})");
                }
            }
            else if (Unsupported.TryGetValue(key, out string? reason))
            {
                faults.Add($"{key} {NotSupported}: {reason}");
            }
            else
            {
                unknown.Add($"{{{ErlangTerm.Format(key)},{ErlangTerm.Format(value)}}}");
            }
        }

        if (unknown.Count > 0)
        {
            faults.Add($"[{string.Join(',', unknown)}] are not recognised policy settings");
        }

        return faults;
    }

    /// <summary>Whether a policy is for queues of a kind, going by its target and by the keys of its definition.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="kind">The kind.</param>
    /// <remarks>Source: RabbitMQ, rabbit_queue_type:is_policy_applicable and <c>unsupported_policies</c> of the queue types.</remarks>
    internal static bool IsFor(Policy policy, QueueKind kind) => policy.ApplyTo switch
    {
        PolicyTarget.All or PolicyTarget.Queues => HasNoneOf(policy, kind),
        PolicyTarget.ClassicQueues => kind == QueueKind.Classic && HasNoneOf(policy, kind),
        PolicyTarget.QuorumQueues => kind == QueueKind.Quorum && HasNoneOf(policy, kind),
        _ => false,
    };

    /// <summary>The exchange that takes what an exchange cannot route: its argument, else its policy's, else <see langword="null"/>.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="policy">The policy that applies to it, or <see langword="null"/>.</param>
    internal static string? AlternateExchangeOf(ExchangeDeclaration exchange, Policy? policy)
        => exchange.Arguments.GetValueOrDefault(PolicyKey.AlternateExchange) as string
            ?? policy?.Definition.GetValueOrDefault(PolicyKey.AlternateExchange) as string;

    private static bool HasNoneOf(Policy policy, QueueKind kind)
    {
        FrozenSet<string> excluding = kind == QueueKind.Classic ? NotForClassic : NotForQuorum;
        return !policy.Definition.Keys.Any(excluding.Contains);
    }

    private static bool IsInteger(object? value, long min, long max = long.MaxValue)
        => HeaderTable.TryGetInteger(value, out long number) && number >= min && number <= max;
}
