namespace EmbeddedMq.RabbitMq.Channels;

/// <summary>A publish that the server has not answered.</summary>
/// <param name="wireNumber">Its number on the wire channel.</param>
/// <param name="sequenceNumber">Its number as the application sees it.</param>
/// <param name="exchange">The exchange.</param>
/// <param name="routingKey">The routing key.</param>
/// <param name="message">The message.</param>
internal sealed class PendingPublish(ulong wireNumber, ulong sequenceNumber, string exchange, string routingKey, Message message)
{
    private readonly TaskCompletionSource<PublishResult> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Its number on the wire channel: 1, 2, 3 ….</summary>
    internal ulong WireNumber => wireNumber;

    /// <summary>The exchange.</summary>
    internal string Exchange => exchange;

    /// <summary>The routing key.</summary>
    internal string RoutingKey => routingKey;

    /// <summary>The message.</summary>
    internal Message Message => message;

    /// <summary>Whether it came back. Guarded by the tracker's gate.</summary>
    internal bool IsReturned { get; set; }

    /// <summary>Its place among those that may still come back, or <see langword="null"/>. Guarded by the tracker's gate.</summary>
    internal LinkedListNode<PendingPublish>? PlaceAmongMandatory { get; set; }

    /// <summary>What became of it.</summary>
    internal Task<PublishResult> Answered => _answered.Task;

    /// <summary>The server has answered.</summary>
    /// <param name="isAck">With basic.ack rather than basic.nack.</param>
    internal void Answer(bool isAck)
        => _answered.TrySetResult((isAck, IsReturned) switch
        {
            (false, _) => new PublishResult(PublishOutcome.Rejected, sequenceNumber, RejectReason.Unspecified),
            (true, true) => new PublishResult(PublishOutcome.Returned, sequenceNumber),
            _ => new PublishResult(PublishOutcome.Confirmed, sequenceNumber),
        });

    /// <summary>The server will not answer any more.</summary>
    /// <param name="error">Why.</param>
    internal void Fail(Exception error)
    {
        if (_answered.TrySetException(error))
        {
            _ = _answered.Task.Exception; // observed: a caller that cancelled its wait does not look any more
        }
    }
}
