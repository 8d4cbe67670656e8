using EmbeddedMq.Consumers;

namespace EmbeddedMq.Queues;

/// <summary>A deletion that has begun: what is to be done once the queue's name is free.</summary>
/// <param name="Refusal">Why it did not begin after all, or <see langword="null"/>.</param>
/// <param name="Discarded">The ready messages that go with the queue.</param>
/// <param name="Consumers">The consumers to tell.</param>
internal sealed record QueueDeletion(Exception? Refusal, PriorityReadyList? Discarded, IReadOnlyList<Consumer> Consumers)
{
    /// <summary>How many ready messages go with the queue. Read it before they are discarded.</summary>
    internal uint ReadyCount { get; } = (uint)(Discarded?.Count ?? 0);
}
