namespace EmbeddedMq.Outbox;

/// <summary>One message in a <see cref="MemoryOutboxStore"/>. Everything that changes is guarded by the store's gate.</summary>
/// <param name="message">The message.</param>
/// <param name="number">Its place in the order in which messages were stored: 1, 2, 3 …</param>
/// <param name="storedAt">When it was stored.</param>
internal sealed class StoredMessage(OutboxMessage message, long number, DateTimeOffset storedAt)
{
    // Properties, texts, and its places in the tables.
    private const int OverheadBytes = 1_024;

    /// <summary>The message; without its body once it was confirmed.</summary>
    public OutboxMessage Message { get; set; } = message;

    /// <summary>Its place in the order in which messages were stored.</summary>
    public long Number { get; } = number;

    /// <summary>When it was stored.</summary>
    public DateTimeOffset StoredAt { get; } = storedAt;

    /// <summary>How far it is.</summary>
    public OutboxStatus Status { get; set; }

    /// <summary>How many times sending it was begun.</summary>
    public int Attempts { get; set; }

    /// <summary>Why the last attempt failed.</summary>
    public string? LastError { get; set; }

    /// <summary>When it got its status.</summary>
    public DateTimeOffset ChangedAt { get; set; } = storedAt;

    /// <summary>While pending: when it may be taken. While sent: when the lease is over.</summary>
    public DateTimeOffset DueAt { get; set; } = storedAt;

    /// <summary>Which taking of it counts; 0 for none.</summary>
    public long Token { get; set; }

    /// <summary>Whether its holder's answer is being stored.</summary>
    public bool IsHeld { get; set; }

    /// <summary>Its place among the messages of its order key, or <see langword="null"/> where it has none.</summary>
    public LinkedListNode<StoredMessage>? PlaceInKey { get; set; }

    /// <summary>Whether no message of its order key is ahead of it.</summary>
    public bool IsFirstOfKey => PlaceInKey is null or { Previous: null };

    /// <summary>Whether it is neither confirmed nor given up.</summary>
    public bool IsOpen => Status is OutboxStatus.Pending or OutboxStatus.Sent;

    /// <summary>What it takes of memory while it is open, about: its body, and an estimate of the rest.</summary>
    public long OpenBytes => IsOpen ? Message.Message.Body.Length + OverheadBytes : 0;

    /// <summary>Its state at this moment.</summary>
    public OutboxEntry Describe() => new()
    {
        Message = Message,
        Status = Status,
        Attempts = Attempts,
        LastError = LastError,
        StoredAt = StoredAt,
        ChangedAt = ChangedAt,
        DueAt = Status == OutboxStatus.Pending ? DueAt : default,
        Token = Token,
    };
}
