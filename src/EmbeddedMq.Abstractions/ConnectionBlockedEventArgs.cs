namespace EmbeddedMq;

/// <summary>Tells that the broker began or ceased to make a connection's publishers wait.</summary>
/// <param name="reason">Why, or <see langword="null"/> when they go on.</param>
public sealed class ConnectionBlockedEventArgs(string? reason) : EventArgs
{
    /// <summary>Why publishers wait, for example <c>low on memory</c>; <see langword="null"/> when they go on.</summary>
    public string? Reason { get; } = reason;

    /// <summary>Whether publishers wait now.</summary>
    public bool IsBlocked => Reason is not null;
}
