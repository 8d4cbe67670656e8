namespace EmbeddedMq.Sql.Outbox;

/// <summary>A row of the outbox as it was read.</summary>
internal sealed class OutboxRecord
{
    /// <summary>Its number: rows of one transaction are numbered in order.</summary>
    internal required long Seq { get; init; }

    /// <summary>The message.</summary>
    internal required OutboxMessage Message { get; init; }

    /// <summary>How far it is.</summary>
    internal required OutboxStatus Status { get; init; }

    /// <summary>How many times sending it was begun.</summary>
    internal required int Attempts { get; init; }

    /// <summary>When it was stored, in milliseconds since 1970.</summary>
    internal required long StoredAt { get; init; }

    /// <summary>When it got its status.</summary>
    internal required long ChangedAt { get; init; }

    /// <summary>From when on it may be taken.</summary>
    internal required long DueAt { get; init; }

    /// <summary>Why the last attempt failed.</summary>
    internal string? LastError { get; init; }
}
