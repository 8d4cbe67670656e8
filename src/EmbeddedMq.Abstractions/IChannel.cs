namespace EmbeddedMq;

/// <summary>A channel: the place where an application declares, publishes, consumes and settles.</summary>
/// <remarks>
/// <para>Thread-safe. Publishes made one after another keep their order; the order of concurrent ones is the order in which the channel takes them.</para>
/// <para>An error that AMQP calls a channel error closes this channel and no other: the failing call throws <see cref="ChannelException"/>,
/// unsettled deliveries go back to their queues, and <see cref="Closed"/> completes. Every later call throws with the same reason.
/// Publishes whose confirm was outstanding then fail as of unknown outcome. Source: AMQP 0-9-1 §1.5.</para>
/// </remarks>
public interface IChannel : IAsyncDisposable
{
    /// <summary>The channel's number within its connection: 1, 2, 3 …; free again once the channel has closed.</summary>
    int Number { get; }

    /// <summary>The connection that it belongs to.</summary>
    IConnection Connection { get; }

    /// <summary>Whether it confirms, is transactional, or neither.</summary>
    ChannelMode Mode { get; }

    /// <summary>Whether it can be used.</summary>
    bool IsOpen { get; }

    /// <summary>Why it closed, or <see langword="null"/> while it is open.</summary>
    CloseReason? CloseReason { get; }

    /// <summary>Completes with the reason when the channel has closed, from either side. Never faults.</summary>
    Task<CloseReason> Closed { get; }

    /// <summary>Raised for every message published with <see cref="PublishFlags.Mandatory"/> that no queue took, before that publish is
    /// confirmed; in a transaction, at its commit. Raised on the publishing thread, or on one of the pool where the publish had to wait, outside
    /// all of the broker's locks. What a handler throws goes to the broker's log.</summary>
    event EventHandler<MessageReturnedEventArgs>? MessageReturned;

    /// <summary>Declares an exchange, or checks that it exists with equal properties.</summary>
    /// <param name="declaration">Name, type, flags and arguments.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <exception cref="ChannelException">406 exists with other properties or the type or an argument is unknown; 403 the name is reserved.</exception>
    ValueTask DeclareExchangeAsync(ExchangeDeclaration declaration, CancellationToken cancellationToken = default);

    /// <summary>Checks that an exchange exists, whatever its type and flags.</summary>
    /// <param name="exchange">Its name.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ChannelException">404 there is none.</exception>
    ValueTask DeclareExchangePassiveAsync(string exchange, CancellationToken cancellationToken = default);

    /// <summary>Deletes an exchange and its bindings. One that does not exist is no error.</summary>
    /// <param name="exchange">Its name.</param>
    /// <param name="ifUnused">Only if no binding has it as its source.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <exception cref="ChannelException">406 it is in use; 403 it is predeclared.</exception>
    ValueTask DeleteExchangeAsync(string exchange, bool ifUnused = false, CancellationToken cancellationToken = default);

    /// <summary>Binds a destination exchange to a source exchange. An identical binding is no error.</summary>
    /// <param name="destination">The exchange that receives.</param>
    /// <param name="source">The exchange that routes.</param>
    /// <param name="routingKey">Binding key; its meaning is the source's type's.</param>
    /// <param name="arguments">Arguments, for example of a headers exchange.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <exception cref="ChannelException">404 one of the exchanges does not exist.</exception>
    ValueTask BindExchangeAsync(string destination, string source, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default);

    /// <summary>Removes a binding between two exchanges; key and arguments must equal those of the bind. One that does not exist is no error.</summary>
    /// <inheritdoc cref="BindExchangeAsync" path="/param"/>
    ValueTask UnbindExchangeAsync(string destination, string source, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default);

    /// <summary>Declares a queue, or checks that it exists with equal properties.</summary>
    /// <param name="declaration">Name (empty: the broker makes one), flags and arguments.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <returns>The queue's name and its counts.</returns>
    /// <exception cref="ChannelException">406 exists with other properties, or an argument is invalid; 405 it is exclusive to another connection; 403 the name is reserved.</exception>
    ValueTask<QueueDeclared> DeclareQueueAsync(QueueDeclaration declaration, CancellationToken cancellationToken = default);

    /// <summary>Checks that a queue exists, whatever its flags and arguments.</summary>
    /// <param name="queue">Its name. No queue has an empty one, and here it does not stand for the queue last declared.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The queue's name and its counts.</returns>
    /// <exception cref="ChannelException">404 there is none; 405 it is exclusive to another connection.</exception>
    ValueTask<QueueDeclared> DeclareQueuePassiveAsync(string queue, CancellationToken cancellationToken = default);

    /// <summary>Deletes a queue with its messages. One that does not exist is no error.</summary>
    /// <param name="queue">Its name; empty means the queue last declared on this channel.</param>
    /// <param name="ifUnused">Only if it has no consumer.</param>
    /// <param name="ifEmpty">Only if it has no ready message.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <returns>How many ready messages went with it.</returns>
    /// <exception cref="ChannelException">406 it is in use or not empty; 405 it is exclusive to another connection.</exception>
    ValueTask<uint> DeleteQueueAsync(string queue, bool ifUnused = false, bool ifEmpty = false, CancellationToken cancellationToken = default);

    /// <summary>Removes a queue's ready messages; unacknowledged ones stay.</summary>
    /// <param name="queue">Its name; empty means the queue last declared on this channel.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <returns>How many messages were removed.</returns>
    /// <exception cref="ChannelException">404 there is none; 405 it is exclusive to another connection.</exception>
    ValueTask<uint> PurgeQueueAsync(string queue, CancellationToken cancellationToken = default);

    /// <summary>Binds a queue to an exchange. An identical binding is no error.</summary>
    /// <param name="queue">The queue that receives; empty means the queue last declared on this channel.</param>
    /// <param name="exchange">The exchange that routes.</param>
    /// <param name="routingKey">Binding key; its meaning is the exchange type's.</param>
    /// <param name="arguments">Arguments, for example of a headers exchange.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <exception cref="ChannelException">404 the queue or the exchange does not exist; 405 the queue is exclusive to another connection.</exception>
    ValueTask BindQueueAsync(string queue, string exchange, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default);

    /// <summary>Removes a binding of a queue; key and arguments must equal those of the bind. One that does not exist is no error.</summary>
    /// <inheritdoc cref="BindQueueAsync" path="/param"/>
    ValueTask UnbindQueueAsync(string queue, string exchange, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default);

    /// <summary>Publishes a message and waits until the broker has taken responsibility for it.</summary>
    /// <param name="exchange">The exchange; empty means the default one, which routes to the queue named by the key.</param>
    /// <param name="routingKey">Routing key, at most 255 bytes of UTF-8.</param>
    /// <param name="message">The message. It is shared, not copied: it is immutable.</param>
    /// <param name="flags">Whether a message that no queue takes comes back.</param>
    /// <param name="cancellationToken">Stops the waiting. A message already routed stays routed; one still waiting for room in a queue is withdrawn from that queue.</param>
    /// <returns>The publish sequence number on this channel: 1, 2, 3 … in call order; 0 on a channel without confirms.</returns>
    /// <exception cref="PublishException">Rejected by a full queue, or returned as unroutable; the channel lives on.</exception>
    /// <exception cref="ChannelException">404 there is no such exchange; 406 the message is invalid; or the channel is closed.</exception>
    /// <remarks>Thread-safe. A caller that wants several confirms outstanding keeps the tasks. On a transactional channel the message
    /// is routed, held until <see cref="CommitTransactionAsync"/>, and the call returns at once. Source: AMQP 0-9-1 §1.8.3.7 basic.publish; RabbitMQ publisher confirms.</remarks>
    ValueTask<ulong> PublishAsync(string exchange, string routingKey, Message message, PublishFlags flags = PublishFlags.None, CancellationToken cancellationToken = default);

    /// <summary>Publishes a message and tells what became of it as a value.</summary>
    /// <inheritdoc cref="PublishAsync" path="/param"/>
    /// <returns>Confirmed, returned or rejected.</returns>
    /// <exception cref="ChannelException">404 there is no such exchange; 406 the message is invalid; or the channel is closed.</exception>
    /// <remarks>Thread-safe. For flows that expect a refusal: a result that is ignored is a message that may be lost.</remarks>
    ValueTask<PublishResult> TryPublishAsync(string exchange, string routingKey, Message message, PublishFlags flags = PublishFlags.None, CancellationToken cancellationToken = default);

    /// <summary>Turns on publisher confirms on a <see cref="ChannelMode.Plain"/> channel; numbering starts at 1 with the next publish. A second call does nothing.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ChannelException">406 the channel is transactional.</exception>
    ValueTask SelectConfirmAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes a <see cref="ChannelMode.Plain"/> channel transactional. A second call does nothing.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ChannelException">406 the channel confirms its publishes.</exception>
    ValueTask SelectTransactionAsync(CancellationToken cancellationToken = default);

    /// <summary>Carries out the publishes and settlements held since the last commit or rollback, and waits until the broker is responsible for them.</summary>
    /// <param name="cancellationToken">Stops the waiting; the commit goes on.</param>
    /// <exception cref="ChannelException">406 the channel is not transactional, or a queue refused a message of the transaction.</exception>
    /// <remarks>As in AMQP 0-9-1 a transaction is atomic over one queue; a crash in the middle of one that spans several may leave part of it done.</remarks>
    ValueTask CommitTransactionAsync(CancellationToken cancellationToken = default);

    /// <summary>Forgets the publishes and settlements held since the last commit or rollback. Deliveries settled in the transaction are unsettled again, not requeued.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ChannelException">406 the channel is not transactional.</exception>
    ValueTask RollbackTransactionAsync(CancellationToken cancellationToken = default);

    /// <summary>Sets how many deliveries may be unsettled at once.</summary>
    /// <param name="prefetchCount">0 to 65,535; 0 means no limit.</param>
    /// <param name="perChannel"><see langword="false"/>: the default of consumers started later on this channel, each for itself; a shared window ends.
    /// <see langword="true"/>: one window shared by all of the channel's consumers, effective at once, beside their own.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <remarks>Source: RabbitMQ consumer prefetch (basic.qos with RabbitMQ's meaning of <c>global</c>).</remarks>
    ValueTask SetPrefetchAsync(int prefetchCount, bool perChannel = false, CancellationToken cancellationToken = default);

    /// <summary>Starts a consumer.</summary>
    /// <param name="queue">The queue; empty means the queue last declared on this channel.</param>
    /// <param name="options">Tag, acknowledgement mode, prefetch, priority; <see langword="null"/> means the defaults.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The consumer, to be enumerated by one reader and disposed.</returns>
    /// <exception cref="ChannelException">404 there is no such queue; 403 it is in exclusive use; 405 it is exclusive to another connection; 406 an argument is invalid.</exception>
    /// <exception cref="ConnectionException">530 the tag is in use on this channel (closes the connection).</exception>
    ValueTask<IConsumer> StartConsumerAsync(string queue, ConsumerOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Takes one message from a queue.</summary>
    /// <param name="queue">The queue; empty means the queue last declared on this channel.</param>
    /// <param name="autoAck">Whether taking it settles it.</param>
    /// <param name="cancellationToken">Stops the waiting before a message has been taken.</param>
    /// <returns>The message and how many are ready behind it, or <see langword="null"/> when the queue is empty.</returns>
    /// <exception cref="ChannelException">404 there is no such queue; 405 it is exclusive to another connection.</exception>
    /// <exception cref="JournalException">The next message is on disk and cannot be read at present; the channel stays open.</exception>
    ValueTask<GetResult?> GetAsync(string queue, bool autoAck = false, CancellationToken cancellationToken = default);

    /// <summary>Settles deliveries as processed.</summary>
    /// <param name="deliveryTag">The tag of the delivery; 0 with <paramref name="multiple"/> means all.</param>
    /// <param name="multiple">Whether it stands for every unsettled delivery up to and with this tag.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <exception cref="ChannelException">406 the tag is unknown or settled already.</exception>
    ValueTask AckAsync(ulong deliveryTag, bool multiple = false, CancellationToken cancellationToken = default);

    /// <summary>Settles deliveries as not processed: they go back to their queue, or are dead-lettered with the reason <c>rejected</c>.</summary>
    /// <param name="deliveryTag">The tag of the delivery; 0 with <paramref name="multiple"/> means all.</param>
    /// <param name="multiple">Whether it stands for every unsettled delivery up to and with this tag.</param>
    /// <param name="requeue">Whether they go back, to their original position where possible.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <exception cref="ChannelException">406 the tag is unknown or settled already.</exception>
    ValueTask NackAsync(ulong deliveryTag, bool multiple = false, bool requeue = true, CancellationToken cancellationToken = default);

    /// <summary>Settles one delivery as not processed: AMQP's basic.reject, the same as <see cref="NackAsync"/> without <c>multiple</c>.</summary>
    /// <param name="deliveryTag">The tag of the delivery.</param>
    /// <param name="requeue">Whether it goes back; otherwise it is dead-lettered or dropped.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <exception cref="ChannelException">406 the tag is unknown or settled already.</exception>
    ValueTask RejectAsync(ulong deliveryTag, bool requeue = false, CancellationToken cancellationToken = default);

    /// <summary>Puts every unsettled delivery of this channel back into its queue; each is delivered again, flagged, under a new tag.</summary>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <remarks>Source: AMQP 0-9-1 basic.recover with requeue.</remarks>
    ValueTask RecoverAsync(CancellationToken cancellationToken = default);

    /// <summary>Closes the channel: its consumers end, unsettled deliveries go back to their queues. A second call does nothing.</summary>
    /// <param name="replyCode">The reason to give. Default 200.</param>
    /// <param name="replyText">The reason as a text.</param>
    /// <param name="cancellationToken">Stops the waiting; the close goes on.</param>
    ValueTask CloseAsync(ReplyCode replyCode = ReplyCode.Success, string replyText = "Goodbye", CancellationToken cancellationToken = default);
}
