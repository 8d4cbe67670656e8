namespace EmbeddedMq.Consumers;

/// <summary>A queue as its consumers see it.</summary>
internal interface IConsumerHost
{
    /// <summary>The queue's name.</summary>
    string Name { get; }

    /// <summary>Lets a consumer take part again that had run out of credit and has some now. Takes the queue's gate.</summary>
    /// <param name="consumer">The consumer.</param>
    void Resume(Consumer consumer);
}
