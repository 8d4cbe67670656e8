namespace EmbeddedMq.Messages;

/// <summary>A message that one queue or delayed exchange holds, and where it is stored.</summary>
/// <remarks>The message itself is shared with others that hold it. Where it is stored changes only in the hands of whoever guards it.</remarks>
/// <param name="message">The message.</param>
/// <param name="exchange">The exchange that it was published to.</param>
/// <param name="routingKey">The routing key of that publish.</param>
internal class QueuedMessage(Message message, string exchange, string routingKey)
{
    /// <summary>The message.</summary>
    internal Message Message { get; } = message;

    /// <summary>The exchange that it was published to.</summary>
    internal string Exchange { get; } = exchange;

    /// <summary>The routing key of that publish.</summary>
    internal string RoutingKey { get; } = routingKey;

    /// <summary>Its id in the journal; 0: it is not in the journal. It keeps the id when it moves into a block.</summary>
    internal ulong StoredAt { get; set; }

    /// <summary>The block of the cold log that holds it, or <see langword="null"/>: the journal holds it, if anything does.</summary>
    internal virtual StoredBlock? Block => null;

    /// <summary>Its index in <see cref="Block"/>; read after that.</summary>
    internal virtual int BlockIndex => 0;

    /// <summary>Whether it is on disk, and so must be settled there too.</summary>
    internal bool IsStored => StoredAt != 0 && !HasLeft;

    /// <summary>Whether a record of the journal says already that it has left its place.</summary>
    internal bool HasLeft { get; set; }
}
