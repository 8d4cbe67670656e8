using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <summary>One appointment of a queue: with its head's expiry, or with its own.</summary>
/// <param name="action">What to do when it comes up, outside all gates.</param>
internal sealed class QueueTimer(Action action) : ScheduledWork
{
    /// <inheritdoc/>
    internal override void Run() => action();
}
