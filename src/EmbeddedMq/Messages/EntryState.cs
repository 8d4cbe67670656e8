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

    /// <summary>Gone: acknowledged, dead-lettered, dropped, purged or withdrawn.</summary>
    Settled,
}
