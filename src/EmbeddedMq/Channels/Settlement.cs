namespace EmbeddedMq.Channels;

/// <summary>How a delivery is settled.</summary>
internal enum Settlement
{
    /// <summary>Processed.</summary>
    Acknowledge,

    /// <summary>Back to the queue, as a failed delivery.</summary>
    Requeue,

    /// <summary>Back to the queue; no application has seen it.</summary>
    ReturnUnread,

    /// <summary>Dead-lettered or dropped.</summary>
    Reject,
}
