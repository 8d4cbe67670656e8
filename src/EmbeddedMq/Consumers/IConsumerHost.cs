using EmbeddedMq.Messages;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Consumers;

/// <summary>A queue as its consumers see it. Its gate is the one that it posts under.</summary>
internal interface IConsumerHost : IPostGate
{
    /// <summary>The queue's name.</summary>
    string Name { get; }

    /// <summary>Whether it is to be deleted with its last consumer, and those that it has are all suspended. Takes the queue's gate.</summary>
    bool IsAbandoned { get; }

    /// <summary>Puts entries back to their original positions, all of them before any is delivered again.</summary>
    /// <param name="failed">Entries whose delivery counts as failed, in any order.</param>
    /// <param name="unseen">Entries that no application has seen, in any order.</param>
    /// <param name="holders">The consumers that had them, once for each delivery: they have their credit back before any is delivered.</param>
    void Requeue(ReadOnlySpan<QueueEntry> failed, ReadOnlySpan<QueueEntry> unseen, ReadOnlySpan<Consumer> holders = default);

    /// <summary>Lets a consumer take part again that had run out of credit and has some now. Takes the queue's gate.</summary>
    /// <param name="consumer">The consumer.</param>
    void Resume(Consumer consumer);

    /// <summary>Lets such a consumer, which has something to read meanwhile, take part again when the next message is published. Takes no gate: it may
    /// be forgotten where another one asks for this, too.</summary>
    /// <param name="consumer">The consumer.</param>
    void ResumeWithNext(Consumer consumer);

    /// <summary>Posts nothing to a consumer any more, once this has returned; it keeps its place until it is removed. Takes the queue's gate.</summary>
    /// <param name="consumer">The consumer.</param>
    void Suspend(Consumer consumer);
}
