namespace EmbeddedMq;

/// <summary>A message whose processing nobody has confirmed in time. Immutable.</summary>
public sealed record MessageCheck
{
    /// <summary>The message's id.</summary>
    public required string MessageId { get; init; }

    /// <summary>The application's name for the kind of message: its property type.</summary>
    public required string MessageType { get; init; }

    /// <summary>The exchange that it was published to; empty for the default one.</summary>
    public required string Exchange { get; init; }

    /// <summary>The routing key that it was published with.</summary>
    public required string RoutingKey { get; init; }

    /// <summary>How often it has been sent: 1, 2, 3 …</summary>
    public required int Attempt { get; init; }

    /// <summary>When it was sent last; whole seconds.</summary>
    public required DateTimeOffset SentAt { get; init; }
}
