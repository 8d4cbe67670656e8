namespace EmbeddedMq.Errors;

/// <content>Errors about policies.</content>
internal static partial class MqErrors
{
    private const int MostOfAName = 255;

    /// <summary>A fault of a policy: tables and lists of its definition lie too deep in one another.</summary>
    /// <param name="maxDepth">The bound.</param>
    internal static string PolicyTooDeep(int maxDepth) => $"the definition is nested deeper than {maxDepth} levels";

    /// <summary>A fault of a policy: a part of it is longer than the broker can store.</summary>
    /// <param name="part">Which part.</param>
    /// <param name="bytes">Its size when encoded.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static string PolicyTooLong(string part, long bytes, int maxBytes) => $"the {part} takes {bytes} bytes, and may take {maxBytes}";

    /// <summary>406: a policy is not valid or asks for what is not supported.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="policy">The policy's name.</param>
    /// <param name="faults">All that is wrong with it.</param>
    internal static EmbeddedMqException InvalidPolicy(string virtualHost, string policy, IReadOnlyList<string> faults) => Management(
        ReplyCode.PreconditionFailed,
        $"invalid policy '{(policy.Length > MostOfAName ? $"{policy[..MostOfAName]}…" : policy)}' in vhost '{virtualHost}': {string.Join("; ", faults)}",
        "Supported are message-ttl, expires, max-length, max-length-bytes, overflow, dead-letter-exchange, dead-letter-routing-key, "
            + "delivery-limit and alternate-exchange.",
        policy);
}
