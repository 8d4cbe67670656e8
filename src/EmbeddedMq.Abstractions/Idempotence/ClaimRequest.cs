namespace EmbeddedMq;

/// <summary>Asks a store for the right to process a message. Immutable.</summary>
public sealed record ClaimRequest
{
    /// <summary>The message.</summary>
    public required IdempotenceKey Key { get; init; }

    /// <summary>How long the claim holds unless it is renewed, completed or given up: then another may take it. More than zero.</summary>
    public required TimeSpan Lease { get; init; }

    /// <summary>The delivery in its handler's hands, or <see langword="null"/> outside a consumer. A store that works inside a database
    /// transaction hands it to the handler through this message's services.</summary>
    public IMessageContext? Context { get; init; }

    /// <summary>The channel that the delivery came on, or <see langword="null"/>. A store in the very broker that delivered acknowledges on it as
    /// part of the completion.</summary>
    public IChannel? Channel { get; init; }
}
