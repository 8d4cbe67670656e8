namespace EmbeddedMq;

/// <summary>Why a publish was rejected.</summary>
public enum RejectReason
{
    /// <summary>It was not.</summary>
    None,

    /// <summary>A queue with the overflow <c>reject-publish</c> or <c>reject-publish-dlx</c> is full. Other queues keep their copy.</summary>
    QueueFull,

    /// <summary>More publishes wait for their confirm than <see cref="ChannelOptions.MaxOutstandingPublishes"/> allows.</summary>
    TooManyOutstanding,

    /// <summary>The queue was deleted while the publish waited for room in it (overflow <c>block-publisher</c>).</summary>
    QueueDeleted,

    /// <summary>The broker said no without a reason: a remote broker's basic.nack.</summary>
    Unspecified,

    /// <summary>The broker could not store the message: the disk is full or failed. It may still be delivered, and must be published again.</summary>
    StorageFailed,
}
