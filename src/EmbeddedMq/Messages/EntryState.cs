namespace EmbeddedMq.Messages;

/// <summary>Where a message stands in its queue.</summary>
internal enum EntryState : byte
{
    /// <summary>Waits outside a full queue, with its publisher.</summary>
    Waiting,

    /// <summary>Can be delivered.</summary>
    Ready,

    /// <summary>Handed over and not settled.</summary>
    Acquired,

    /// <summary>Ready still, but only on disk: this object stands for it no longer, and another one will.</summary>
    Away,

    /// <summary>Gone: acknowledged, dead-lettered, dropped, purged or withdrawn.</summary>
    Settled,
}
