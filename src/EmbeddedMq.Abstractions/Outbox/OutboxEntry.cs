namespace EmbeddedMq;

/// <summary>A message of the outbox with its status. Immutable; a state of one moment.</summary>
public sealed record OutboxEntry
{
    /// <summary>The message.</summary>
    public required OutboxMessage Message { get; init; }

    /// <summary>How far it is.</summary>
    public required OutboxStatus Status { get; init; }

    /// <summary>How many times sending it was begun.</summary>
    public int Attempts { get; init; }

    /// <summary>Why the last attempt failed; <see langword="null"/> where none has.</summary>
    public string? LastError { get; init; }

    /// <summary>When it was stored.</summary>
    public required DateTimeOffset StoredAt { get; init; }

    /// <summary>When it got its status.</summary>
    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>For pending ones: not before then is it sent.</summary>
    public DateTimeOffset DueAt { get; init; }

    /// <summary>The store's own name for this taking of the message, by which it tells a late answer from a current one. For the store only.</summary>
    public object? Token { get; init; }
}
