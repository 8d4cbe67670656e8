namespace EmbeddedMq.VirtualHosts;

/// <summary>The names of <see cref="PolicyTarget"/> in definitions.</summary>
internal static class PolicyTargetNames
{
    /// <summary>All names, for error texts.</summary>
    internal const string All = "'queues', 'exchanges', 'all', 'classic_queues' or 'quorum_queues'";

    /// <summary>The name of a target.</summary>
    /// <param name="target">The target.</param>
    internal static string ToName(this PolicyTarget target) => target switch
    {
        PolicyTarget.All => "all",
        PolicyTarget.Exchanges => "exchanges",
        PolicyTarget.Queues => "queues",
        PolicyTarget.ClassicQueues => "classic_queues",
        PolicyTarget.QuorumQueues => "quorum_queues",
        _ => throw new ArgumentOutOfRangeException(nameof(target), target, "Not a target of policies."),
    };

    /// <summary>The target of a name, or <see langword="null"/> when it is none of ours; <c>streams</c> is not.</summary>
    /// <param name="name">The name.</param>
    internal static PolicyTarget? Parse(string name) => name switch
    {
        "all" => PolicyTarget.All,
        "exchanges" => PolicyTarget.Exchanges,
        "queues" => PolicyTarget.Queues,
        "classic_queues" => PolicyTarget.ClassicQueues,
        "quorum_queues" => PolicyTarget.QuorumQueues,
        _ => null,
    };
}
