namespace EmbeddedMq.Channels;

/// <summary>How a delivery is settled.</summary>
internal enum Settlement
{
    /// <summary>Processed.</summary>
    Acknowledge,

    /// <summary>Back to the queue; a failed delivery unless no application has seen it.</summary>
    Requeue,

    /// <summary>Dead-lettered or dropped.</summary>
    Reject,
}
