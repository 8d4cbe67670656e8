namespace EmbeddedMq.Handlers.Consuming;

/// <summary>One delivery on its way through a consumer. Owned by whoever holds it; not thread-safe.</summary>
/// <typeparam name="T">What the body is read as.</typeparam>
/// <param name="delivery">The delivery.</param>
/// <param name="failedAttempts">How many attempts at it have failed before.</param>
internal sealed class WorkItem<T>(Delivery delivery, int failedAttempts) : WorkItem(delivery, failedAttempts)
{
    /// <summary>The body, once it has been read.</summary>
    public T? Message { get; set; }
}
