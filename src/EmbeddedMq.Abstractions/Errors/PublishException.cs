namespace EmbeddedMq;

/// <summary>A publish that the broker did not take responsibility for: returned or rejected. The channel lives on.</summary>
/// <param name="result">What became of it.</param>
/// <param name="replyText">The literal reply text.</param>
/// <param name="advice">What to do about it.</param>
/// <param name="exchange">The exchange it was published to.</param>
/// <param name="routingKey">Its routing key.</param>
public sealed class PublishException(PublishResult result, string replyText, string advice, string exchange, string routingKey)
    : EmbeddedMqException(result.ReplyCode, replyText, advice, exchange, isTransient: result.Outcome == PublishOutcome.Rejected)
{
    /// <summary>What became of it.</summary>
    public PublishResult Result { get; } = result;

    /// <summary>The exchange it was published to.</summary>
    public string Exchange { get; } = exchange;

    /// <summary>Its routing key.</summary>
    public string RoutingKey { get; } = routingKey;
}
