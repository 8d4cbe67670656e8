using EmbeddedMq.Threading;

namespace EmbeddedMq.Consumers;

/// <summary>A queue as its consumers see it. Its gate is the one that it posts under.</summary>
internal interface IConsumerHost : IPostGate
{
    /// <summary>The queue's name.</summary>
    string Name { get; }

    /// <summary>Whether it is to be deleted with its last consumer, and those that it has are all suspended. Takes the queue's gate.</summary>
    bool IsAbandoned { get; }

    /// <summary>Lets a consumer take part again that had run out of credit and has some now. Takes the queue's gate.</summary>
    /// <param name="consumer">The consumer.</param>
    void Resume(Consumer consumer);

    /// <summary>Posts nothing to a consumer any more, once this has returned; it keeps its place until it is removed. Takes the queue's gate.</summary>
    /// <param name="consumer">The consumer.</param>
    void Suspend(Consumer consumer);
}
