namespace EmbeddedMq;

/// <summary>A mandatory message that no queue took, as it comes back to its publisher.</summary>
/// <param name="replyCode">Why: 312 no route.</param>
/// <param name="replyText">The reason's literal text.</param>
/// <param name="exchange">The exchange it was published to.</param>
/// <param name="routingKey">Its routing key.</param>
/// <param name="message">The message, unchanged.</param>
public sealed class MessageReturnedEventArgs(ReplyCode replyCode, string replyText, string exchange, string routingKey, Message message) : EventArgs
{
    /// <summary>Why it came back: <see cref="ReplyCode.NoRoute"/>.</summary>
    public ReplyCode ReplyCode { get; } = replyCode;

    /// <summary>The reason's literal text: <c>NO_ROUTE</c>.</summary>
    public string ReplyText { get; } = replyText;

    /// <summary>The exchange it was published to.</summary>
    public string Exchange { get; } = exchange;

    /// <summary>Its routing key.</summary>
    public string RoutingKey { get; } = routingKey;

    /// <summary>The message, unchanged.</summary>
    public Message Message { get; } = message;
}
