namespace EmbeddedMq.Handlers.Consuming;

/// <summary>What became of a delivery.</summary>
internal enum Settlement
{
    /// <summary>Nothing yet; if it stays so, the broker gets it back when the channel closes.</summary>
    None,

    /// <summary>Processed.</summary>
    Acked,

    /// <summary>To be tried again.</summary>
    Retried,

    /// <summary>Sent to the dead-letter destination.</summary>
    DeadLettered,

    /// <summary>Refused: the queue's own dead-letter exchange, or gone.</summary>
    Rejected,

    /// <summary>Put back into its queue by its handler.</summary>
    Requeued,

    /// <summary>Comes back after a delay that its handler chose.</summary>
    Deferred,

    /// <summary>Given back unhandled by a stop or a lost channel.</summary>
    Returned,
}
