namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Decides which of a consumer's deliveries is handled when.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
internal interface IDispatcher<T>
{
    /// <summary>Takes a delivery. Called by one reader; what is held is bounded by the consumer's prefetch.</summary>
    /// <param name="item">The delivery.</param>
    ValueTask PostAsync(WorkItem<T> item);

    /// <summary>Begins nothing more, and completes when what is being handled has ended. A second call waits for the same end.</summary>
    Task CloseAsync();

    /// <summary>How many deliveries are held that were not being handled when it was closed.</summary>
    int UnstartedCount { get; }

    /// <summary>How many handlers are running.</summary>
    int ActiveCount { get; }
}
