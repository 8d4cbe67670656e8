namespace EmbeddedMq;

/// <summary>What a channel is opened with. Immutable.</summary>
public sealed record ChannelOptions
{
    /// <summary>Whether the channel confirms its publishes, groups them in transactions, or neither. Default <see cref="ChannelMode.Confirm"/>.</summary>
    public ChannelMode Mode { get; init; } = ChannelMode.Confirm;

    /// <summary>How many publishes may wait for their confirm at once on this channel; one more is refused with
    /// <see cref="RejectReason.TooManyOutstanding"/>. 1 to 16,777,216. Default 65,536.</summary>
    /// <remarks>A bound on what a caller that does not await can pile up while publishers are made to wait.</remarks>
    public int MaxOutstandingPublishes { get; init; } = 65_536;
}
