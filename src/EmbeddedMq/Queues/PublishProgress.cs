namespace EmbeddedMq.Queues;

/// <summary>What a publish has to wait for before it can be confirmed.</summary>
internal struct PublishProgress
{
    /// <summary>The publish, when a queue keeps it waiting; else <see langword="null"/>.</summary>
    internal PendingPublish? Pending;

    /// <summary>Whether the journal has the message, or should have had it: the confirm waits for a commit.</summary>
    internal bool IsStored;

    /// <summary>The message's id in the journal; 0 if it could not take it.</summary>
    internal ulong StoredAt;
}
