namespace EmbeddedMq.Errors;

/// <content>Errors about queues: names, declaration, arguments, use and deletion.</content>
internal static partial class MqErrors
{
    /// <summary>404: there is no such queue.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    internal static ChannelException QueueNotFound(string virtualHost, string queue) => Channel(
        ReplyCode.NotFound,
        $"no {QueueIn(virtualHost, queue)}",
        "Declare the queue first, or check its name and the connection's virtual host.",
        queue);

    /// <summary>404: the empty name stands for the queue declared last on the channel, and there is none.</summary>
    internal static ChannelException NoPreviouslyDeclaredQueue() => Channel(
        ReplyCode.NotFound,
        "no previously declared queue",
        "An empty name means the queue that this channel declared last: declare one on this channel, or give the name.");

    /// <summary>403: names that begin with <c>amq.</c> are the broker's.</summary>
    /// <param name="queue">The name.</param>
    internal static ChannelException QueueNameReserved(string queue) => Channel(
        ReplyCode.AccessRefused,
        $"queue name '{queue}' contains reserved prefix 'amq.*'",
        "Choose a name without that prefix, leave the name empty for one made by the broker, or use a passive declaration for a queue that exists.",
        queue);

    /// <summary>405: the queue is exclusive to another connection, or exists without being exclusive.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    internal static ChannelException QueueLocked(string virtualHost, string queue) => Channel(
        ReplyCode.ResourceLocked,
        $"cannot obtain exclusive access to locked {QueueIn(virtualHost, queue)}. It could be originally declared on another connection or the "
            + "exclusive property value does not match that of the original declaration.",
        "Use the connection that declared it, or declare it without exclusive.",
        queue);

    /// <summary>405: one consumer is to see all of a queue's messages, so none may be taken past it.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    internal static ChannelException GetFromSingleActiveQuorumQueue(string virtualHost, string queue) => Channel(
        ReplyCode.ResourceLocked,
        $"cannot obtain access to locked {QueueIn(virtualHost, queue)}. basic.get operations are not supported by quorum queues with single active consumer",
        "Start a consumer, or declare the queue without x-single-active-consumer.",
        queue);

    /// <summary>403: an exclusive consumer has the queue, or an exclusive one is asked for beside others.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    internal static ChannelException QueueInExclusiveUse(string virtualHost, string queue) => Channel(
        ReplyCode.AccessRefused,
        $"{QueueIn(virtualHost, queue)} in exclusive use",
        "Cancel the consumers that it has, or consume without exclusive.",
        queue);

    /// <summary>406: a deletion with <c>if-unused</c> met consumers.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    internal static ChannelException QueueInUse(string virtualHost, string queue) => Channel(
        ReplyCode.PreconditionFailed,
        $"{QueueIn(virtualHost, queue)} in use",
        "Cancel its consumers first, or delete it without if-unused.",
        queue);

    /// <summary>406: a deletion with <c>if-empty</c> met ready messages.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    internal static ChannelException QueueNotEmpty(string virtualHost, string queue) => Channel(
        ReplyCode.PreconditionFailed,
        $"{QueueIn(virtualHost, queue)} not empty",
        "Consume or purge its messages first, or delete it without if-empty.",
        queue);

    /// <summary>406: a quorum queue has a name given by its declarer.</summary>
    internal static ChannelException ServerNamedQuorumQueue() => Channel(
        ReplyCode.PreconditionFailed,
        "Cannot declare a server-named queue for type rabbit_quorum_queue",
        "Give the queue a name, or leave out x-queue-type.");

    /// <summary>406: a flag that quorum queues do not have.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="property"><c>non-durable</c>, <c>exclusive-owner</c> or <c>auto-delete</c>.</param>
    internal static ChannelException InvalidQueueProperty(string virtualHost, string queue, string property) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid property '{property}' for {QueueIn(virtualHost, queue)}",
        "A quorum queue is durable, not exclusive and not auto-delete: declare it so, or leave out x-queue-type.",
        queue);

    /// <summary>406: an argument has a value that it may not have.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="argument">The argument.</param>
    /// <param name="reason">RabbitMQ's reason, an Erlang term: <c>{value_negative,-1}</c>, <c>"expected integer, got longstr"</c>.</param>
    /// <param name="advice">What values it may have.</param>
    internal static ChannelException InvalidQueueArgument(string virtualHost, string queue, string argument, string reason, string advice) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid arg '{argument}' for {QueueIn(virtualHost, queue)}: {reason}",
        advice,
        queue);

    /// <summary>406: an argument that another type of queue knows, and this one does not.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="argument">The argument.</param>
    /// <param name="type">The type as <c>x-queue-type</c> names it.</param>
    internal static ChannelException ArgumentOfOtherQueueType(string virtualHost, string queue, string argument, string type) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid arg '{argument}' for {QueueIn(virtualHost, queue)} of queue type rabbit_{type}_queue",
        $"Leave the argument out: a {type} queue has no such setting.",
        queue);

    /// <summary>406: an argument that names an exchange is not a string.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="argument">The argument.</param>
    /// <param name="type">The AMQP type it has.</param>
    internal static ChannelException InvalidTypeOfQueueArgument(string virtualHost, string queue, string argument, string type) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid type '{type}' for arg '{argument}' in {QueueIn(virtualHost, queue)}",
        "Give the exchange's name as a string; the empty string is the default exchange.",
        queue);

    /// <summary>406: the property <c>expiration</c> of a message is not a number of milliseconds.</summary>
    /// <param name="expiration">The property.</param>
    /// <param name="reason">RabbitMQ's reason, an Erlang term.</param>
    internal static ChannelException InvalidExpiration(string expiration, string reason) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid expiration '{expiration}': {reason}",
        "Give milliseconds as decimal digits, at most 315360000000 (ten years); MessageProperties.WithTimeToLive writes them.");

    /// <summary>406: a declaration differs from what exists.</summary>
    /// <param name="objectText">The object as texts name it.</param>
    /// <param name="objectName">Its name.</param>
    /// <param name="argument">The property or argument.</param>
    /// <param name="received">The value of the declaration, as RabbitMQ writes it.</param>
    /// <param name="current">The value of what exists, as RabbitMQ writes it.</param>
    internal static ChannelException InequivalentArgument(string objectText, string objectName, string argument, string received, string current) => Channel(
        ReplyCode.PreconditionFailed,
        $"inequivalent arg '{argument}' for {objectText}: received {received} but current is {current}",
        "Declare it as it exists, or delete it first; settings that change belong into a policy.",
        objectName);
}
