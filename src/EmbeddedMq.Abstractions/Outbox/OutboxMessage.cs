namespace EmbeddedMq;

/// <summary>A message that is stored before it is sent: what to publish, and where. Immutable.</summary>
public sealed record OutboxMessage
{
    /// <summary>What it is known by in the outbox: 1 to 255 bytes of UTF-8, unique. The message's id, so that consumers can recognise it when it is sent twice.</summary>
    public required string Id { get; init; }

    /// <summary>The exchange; empty for the default one.</summary>
    public required string Exchange { get; init; }

    /// <summary>The routing key.</summary>
    public required string RoutingKey { get; init; }

    /// <summary>What is published; its property message-id is <see cref="Id"/>.</summary>
    public required Message Message { get; init; }

    /// <summary>Whether a message that no queue takes counts as not sent, and is tried again. Default yes.</summary>
    public bool Mandatory { get; init; } = true;

    /// <summary>Messages of one key are sent in the order in which they were stored: none before the one ahead of it is confirmed or discarded.
    /// <see langword="null"/>: order does not matter. At most 255 bytes of UTF-8.</summary>
    public string? OrderKey { get; init; }
}
