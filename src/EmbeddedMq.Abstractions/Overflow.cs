namespace EmbeddedMq;

/// <summary>What a queue does with a publish when it has as many ready messages or bytes as it may have.</summary>
public enum Overflow
{
    /// <summary>The oldest message of the highest priority goes, dead-lettered as <c>maxlen</c>: <c>drop-head</c>. AMQP's default.</summary>
    DropHead,

    /// <summary>The new message is refused: <c>reject-publish</c>.</summary>
    RejectPublish,

    /// <summary>The new message is refused and dead-lettered as <c>maxlen</c>: <c>reject-publish-dlx</c>.</summary>
    RejectPublishDeadLetter,

    /// <summary>The publisher waits for room: <c>block-publisher</c>. EmbeddedMq's own, for smoothing peaks without loss.</summary>
    BlockPublisher,
}
