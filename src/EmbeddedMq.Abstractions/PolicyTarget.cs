namespace EmbeddedMq;

/// <summary>What a policy applies to.</summary>
public enum PolicyTarget
{
    /// <summary>Exchanges and queues: <c>all</c>.</summary>
    All,

    /// <summary>Exchanges: <c>exchanges</c>.</summary>
    Exchanges,

    /// <summary>Queues of every type: <c>queues</c>.</summary>
    Queues,

    /// <summary>Classic queues: <c>classic_queues</c>.</summary>
    ClassicQueues,

    /// <summary>Quorum queues: <c>quorum_queues</c>.</summary>
    QuorumQueues,
}
