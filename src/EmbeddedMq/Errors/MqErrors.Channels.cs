using System.Globalization;

namespace EmbeddedMq.Errors;

/// <content>Errors of channels: publishing, settling, consuming, transactions, use after the close.</content>
internal static partial class MqErrors
{
    /// <summary>A call on a channel that has closed.</summary>
    /// <param name="channel">The channel's number.</param>
    /// <param name="connection">The connection's name.</param>
    /// <param name="reason">Why it closed.</param>
    internal static ChannelException ChannelClosed(int channel, string connection, CloseReason reason) => new(
        reason.ReplyCode,
        reason.ReplyText,
        $"Channel {channel} of connection '{connection}' was closed for this reason ({reason.Initiator}); open another channel.",
        $"{connection}/{channel}");

    /// <summary>406: a body larger than the broker takes.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static ChannelException MessageTooLarge(long bytes, long maxBytes) => Channel(
        ReplyCode.PreconditionFailed,
        $"message size {bytes} is larger than configured max size {maxBytes}",
        "Send a reference to the data instead of the data, or raise BrokerLimits.MaxMessageBytes.");

    /// <summary>406: a header table larger than the broker takes.</summary>
    /// <param name="bytes">Its size when encoded.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static ChannelException HeadersTooLarge(long bytes, long maxBytes) => Channel(
        ReplyCode.PreconditionFailed,
        $"header table of {bytes} bytes is larger than configured max size {maxBytes}",
        "Put the data into the body, or raise BrokerLimits.MaxHeaderBytes.");

    /// <summary>406: properties of a message whose texts are larger than the broker takes.</summary>
    /// <param name="bytes">Their size when encoded.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static ChannelException TextsTooLarge(long bytes, long maxBytes) => Channel(
        ReplyCode.PreconditionFailed,
        $"message properties of {bytes} bytes is larger than configured max size {maxBytes}",
        "Put the data into the body; AMQP allows 255 bytes of UTF-8 for each of them.");

    /// <summary>406: arguments in which tables and lists lie too deep in one another.</summary>
    /// <param name="subject">Whose arguments they are.</param>
    /// <param name="maxDepth">The bound.</param>
    internal static ChannelException ArgumentsTooDeep(string subject, int maxDepth) => Channel(
        ReplyCode.PreconditionFailed,
        $"arguments of {subject} are nested deeper than {maxDepth} levels",
        "Flatten them, or put them into a text.");

    /// <summary>406: arguments that are longer than the broker can store.</summary>
    /// <param name="subject">Whose arguments they are.</param>
    /// <param name="bytes">Their size when encoded.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static ChannelException ArgumentsTooLong(string subject, long bytes, int maxBytes) => Channel(
        ReplyCode.PreconditionFailed,
        $"arguments of {subject} take {bytes} bytes, and may take {maxBytes}",
        "Put into messages what is so long.");

    /// <summary>406: a name longer than the broker takes.</summary>
    /// <param name="kind">What it names.</param>
    /// <param name="name">The name.</param>
    /// <param name="bytes">Its length in bytes of UTF-8.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static ChannelException NameTooLong(string kind, string name, int bytes, int maxBytes) => Channel(
        ReplyCode.PreconditionFailed,
        $"{kind} of {bytes} bytes is longer than configured max size {maxBytes}",
        $"It begins with '{name[..Math.Min(32, name.Length)]}'. AMQP allows at most 255 bytes of UTF-8; BrokerLimits.MaxNameBytes may allow less.");

    /// <summary>406: the message names a user that the connection does not act for.</summary>
    /// <param name="userId">The message's user.</param>
    /// <param name="userName">The connection's.</param>
    internal static ChannelException OtherUserId(string userId, string userName) => Channel(
        ReplyCode.PreconditionFailed,
        $"user_id property set to '{userId}' but authenticated user was '{userName}'",
        "Leave the property unset, or set it to the connection's user name.");

    /// <summary>406: a delivery tag that is unknown or settled.</summary>
    /// <param name="deliveryTag">The tag.</param>
    internal static ChannelException UnknownDeliveryTag(ulong deliveryTag) => Channel(
        ReplyCode.PreconditionFailed,
        $"unknown delivery tag {deliveryTag}",
        "Settle each delivery once, on the channel that it came from; deliveries of a consumer with automatic acknowledgement need no settling.");

    /// <summary>406: a delivery that was not settled in time.</summary>
    /// <param name="channel">The channel's number.</param>
    /// <param name="timeout">The time.</param>
    internal static ChannelException AcknowledgementTimedOut(int channel, TimeSpan timeout) => Channel(
        ReplyCode.PreconditionFailed,
        string.Create(
            CultureInfo.InvariantCulture,
            $"delivery acknowledgement on channel {channel} timed out. Timeout value used: {timeout.TotalMilliseconds:F0} ms. This timeout value can be configured, see consumers doc guide to learn more"),
        "Settle deliveries sooner, take fewer at a time (prefetch), or raise BrokerLimits.AcknowledgementTimeout.");

    /// <summary>530: a consumer tag that the channel uses already.</summary>
    /// <param name="consumerTag">The tag.</param>
    internal static ConnectionException ConsumerTagInUse(string consumerTag) => Connection(
        ReplyCode.NotAllowed,
        $"attempt to reuse consumer tag '{consumerTag}'",
        "Choose another tag, or leave it empty for one made by the broker.",
        consumerTag);

    /// <summary>530: the channel has as many consumers as it may have.</summary>
    /// <param name="max">The bound.</param>
    internal static ConnectionException TooManyConsumers(int max) => Connection(
        ReplyCode.NotAllowed,
        $"reached maximum ({max}) of consumers per channel",
        "Use further channels, or raise BrokerLimits.MaxConsumersPerChannel.");

    /// <summary>406: a consumer of replies that wants to acknowledge.</summary>
    internal static ChannelException ReplyConsumerCannotAcknowledge() => Channel(
        ReplyCode.PreconditionFailed,
        "reply consumer cannot acknowledge",
        "Set ConsumerOptions.AutoAck to consume from amq.rabbitmq.reply-to.");

    /// <summary>406: a second consumer of replies on a channel.</summary>
    internal static ChannelException ReplyConsumerAlreadySet() => Channel(
        ReplyCode.PreconditionFailed,
        "reply consumer already set",
        "A channel has one consumer of amq.rabbitmq.reply-to: use it for all requests, or open another channel.");

    /// <summary>406: a request on a channel that consumes no replies.</summary>
    internal static ChannelException NoReplyConsumer() => Channel(
        ReplyCode.PreconditionFailed,
        "fast reply consumer does not exist",
        "Consume from amq.rabbitmq.reply-to on the same channel before publishing with it as reply-to.");

    /// <summary>406: confirms and transactions exclude each other.</summary>
    /// <param name="current">The mode that the channel has: <c>confirm</c> or <c>tx</c>.</param>
    /// <param name="wanted">The mode that is wanted.</param>
    internal static ChannelException CannotSwitchMode(string current, string wanted) => Channel(
        ReplyCode.PreconditionFailed,
        $"cannot switch from {current} to {wanted} mode",
        "Open a channel with the mode that you need: ChannelOptions.Mode.");

    /// <summary>406: commit or rollback without a transaction.</summary>
    internal static ChannelException NotTransactional() => Channel(
        ReplyCode.PreconditionFailed,
        "channel is not transactional",
        "Open the channel with ChannelMode.Transactional, or call SelectTransactionAsync on a plain one.");

    /// <summary>406: a queue refused a message of a transaction; the rest of it was carried out.</summary>
    internal static ChannelException PartialTransaction() => Channel(
        ReplyCode.PreconditionFailed,
        "partial tx completion",
        "A full queue refused a message of the transaction; its other messages and settlements were carried out. Check what arrived before trying again.");

    /// <summary>A publish that was returned or rejected, as an exception.</summary>
    /// <param name="result">What became of it.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    internal static PublishException PublishFailed(PublishResult result, string exchange, string routingKey)
    {
        (string text, string advice) = (result.Outcome, result.RejectReason) switch
        {
            (PublishOutcome.Returned, _) => (
                ConstantOf(ReplyCode.NoRoute),
                "No queue took the message. Bind a queue for the key, give the exchange an alternate one, or publish without Mandatory."),
            (_, RejectReason.TooManyOutstanding) => (
                ReplyText(ReplyCode.ResourceError, "too many publishes outstanding"),
                "Await earlier publishes first, or raise ChannelOptions.MaxOutstandingPublishes."),
            (_, RejectReason.QueueDeleted) => (
                ReplyText(ReplyCode.ResourceError, "queue deleted while the publish waited for room"),
                "No queue has the message, unless another was bound as well. Declare the queue again and publish again."),
            (_, RejectReason.StorageFailed) => (
                ReplyText(ReplyCode.ResourceError, "message not stored"),
                "The disk is full or failed; the broker's log and its storage state say which file and why. It tries again by itself: publish again."),
            _ => (
                ReplyText(ReplyCode.ResourceError, "publish rejected"),
                "A queue that it was routed to is full and refuses publishes. Consume from it, raise its limit, or publish again later."),
        };
        return new PublishException(result, text, $"Exchange '{exchange}', routing key '{routingKey}'. {advice}", exchange, routingKey);
    }

    /// <summary>An option out of its range; misuse, so that nothing closes.</summary>
    /// <param name="name">The option.</param>
    /// <param name="value">Its value.</param>
    /// <param name="range">What is allowed.</param>
    internal static ArgumentOutOfRangeException OptionOutOfRange(string name, object value, string range)
        => new(name, value, $"{name} is {value}; allowed is {range}.");
}
