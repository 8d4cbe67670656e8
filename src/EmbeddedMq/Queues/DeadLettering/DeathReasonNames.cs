namespace EmbeddedMq.Queues;

/// <summary>The names of reasons in the header <c>x-death</c>.</summary>
internal static class DeathReasonNames
{
    /// <summary>The name of a reason: <c>rejected</c>, <c>expired</c>, <c>maxlen</c> or <c>delivery_limit</c>.</summary>
    /// <param name="reason">The reason.</param>
    internal static string ToHeader(this DeathReason reason) => reason switch
    {
        DeathReason.Rejected => "rejected",
        DeathReason.Expired => "expired",
        DeathReason.MaxLength => "maxlen",
        DeathReason.DeliveryLimit => "delivery_limit",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "Not a reason."),
    };
}
