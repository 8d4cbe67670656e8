namespace EmbeddedMq;

/// <summary>Why a consumer ended.</summary>
public enum ConsumerEnd
{
    /// <summary>The application cancelled or disposed it.</summary>
    Cancelled,

    /// <summary>The queue was deleted or expired: the broker's cancel notification. The channel stays open.</summary>
    QueueGone,

    /// <summary>Its channel or connection closed.</summary>
    ChannelClosed,
}
