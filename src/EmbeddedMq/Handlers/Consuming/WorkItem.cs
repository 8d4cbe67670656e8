namespace EmbeddedMq.Handlers.Consuming;

/// <summary>One delivery on its way through a consumer, whatever its body is read as.</summary>
/// <param name="delivery">The delivery.</param>
/// <param name="failedAttempts">How many attempts at it have failed before.</param>
internal abstract class WorkItem(Delivery delivery, int failedAttempts)
{
    private readonly Delivery _delivery = delivery;

    /// <summary>The delivery.</summary>
    public ref readonly Delivery Delivery => ref _delivery;

    /// <summary>How many attempts have failed so far.</summary>
    public int FailedAttempts { get; set; } = failedAttempts;

    /// <summary>How many attempts have failed because their claim was broken, and were not counted.</summary>
    public int BrokenClaims { get; set; }

    /// <summary>Whether the body has been read.</summary>
    public bool IsRead { get; set; }

    /// <summary>Why the body or the key could not be read.</summary>
    public Exception? ReadError { get; set; }

    /// <summary>How long to wait after something other than its handler failed for it: a copy that was not taken, a store; <see langword="null"/> before the first such failure.</summary>
    public RestartDelays? Delays { get; set; }

    /// <summary>The key in whose order it belongs, or <see langword="null"/> for none.</summary>
    public object? Key { get; set; }
}
