namespace EmbeddedMq.Queues;

/// <summary>One death of a message in a queue that has a dead-letter exchange.</summary>
/// <param name="Queue">The queue in which it died.</param>
/// <param name="Reason">Why.</param>
/// <param name="Time">When; whole seconds are kept.</param>
/// <param name="Exchange">The exchange that it had been published to.</param>
/// <param name="RoutingKey">The routing key that it had been published with.</param>
/// <param name="BccKeys">Its BCC keys, which deliveries do not show and the headers of a routed message no longer hold.</param>
/// <param name="DeadLetterRoutingKey">The queue's <see cref="QueueSettings.DeadLetterRoutingKey"/>.</param>
internal readonly record struct DeathCause(
    string Queue,
    DeathReason Reason,
    DateTimeOffset Time,
    string Exchange,
    string RoutingKey,
    IReadOnlyList<string> BccKeys,
    string? DeadLetterRoutingKey);
