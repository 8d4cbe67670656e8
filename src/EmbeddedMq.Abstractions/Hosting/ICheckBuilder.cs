using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq;

/// <summary>Delayed second confirmation: who records that messages were processed, and asks their producers about those that were not.</summary>
/// <remarks>
/// <para>A message published with <see cref="IPublishBuilder{T}.Check"/> is preceded by a check message, which waits for the delay in a queue. Consumers
/// with <see cref="IConsumerBuilder{T}.ConfirmsProcessing"/> tell the check service when they have processed a message. A check that comes due without
/// that is a question to the producer, who has the message sent again, or says that it is settled.</para>
/// <para>All of it is queues, so that it works on every broker, and across processes: one of them runs the service.</para>
/// <para>Not thread-safe.</para>
/// </remarks>
public interface ICheckBuilder
{
    /// <summary>The queue of the check service, for checks and confirmations. Default <c>mq.checks</c>. Declared durable where the broker has none of that name.</summary>
    /// <param name="queue">Its name, 1 to 200 bytes of UTF-8; queues <c>queue.wait.ms</c> and <c>queue.failed</c> are beside it.</param>
    ICheckBuilder Queue(string queue);

    /// <summary>Runs the check service in this process. It remembers confirmations in the idempotence store (<see cref="IEmbeddedMqBuilder.Idempotence"/>),
    /// scope <c>checks</c>, which must retain them for longer than the delays.</summary>
    /// <remarks>While a producer is asked, its question is claimed in that store. In SQLite a claim has the only turn to write: a callback must not write to
    /// that database, and others who do wait until it has answered.</remarks>
    ICheckBuilder Service();

    /// <summary>Has the service ask a handler class in this process about messages of a type.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <typeparam name="THandler">The handler; registered as transient unless it is registered already.</typeparam>
    ICheckBuilder CallBack<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>()
        where THandler : class, ICheckHandler<T>;

    /// <summary>Has the service ask a function about messages of a type.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="handler">The function; services are in the context of the check.</param>
    ICheckBuilder CallBack<T>(Func<MessageCheck, IMessageContext, CancellationToken, ValueTask<CheckAnswer<T>>> handler);

    /// <summary>Has the service ask another process about messages of a type, by a request to a queue that it answers (<see cref="Answer{T}"/>).</summary>
    /// <typeparam name="T">The type; only its name counts here.</typeparam>
    /// <param name="queue">The queue.</param>
    ICheckBuilder CallBackTo<T>(string queue);

    /// <summary>Answers a check service in another process with a handler class. Messages that are sent again are published from here.</summary>
    /// <typeparam name="T">The type of the messages.</typeparam>
    /// <typeparam name="THandler">The handler; registered as transient unless it is registered already.</typeparam>
    /// <param name="queue">The queue that the service sends its questions to; declared durable where the broker has none of that name.</param>
    ICheckBuilder Answer<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(string queue)
        where THandler : class, ICheckHandler<T>;

    /// <summary>Answers a check service in another process with a function. Messages that are sent again are published from here.</summary>
    /// <typeparam name="T">The type of the messages.</typeparam>
    /// <param name="queue">The queue that the service sends its questions to; declared durable where the broker has none of that name.</param>
    /// <param name="handler">The function; services are in the context of the question.</param>
    ICheckBuilder Answer<T>(string queue, Func<MessageCheck, IMessageContext, CancellationToken, ValueTask<CheckAnswer<T>>> handler);

    /// <summary>How often a message is sent at most, the first time included. Then its check goes to the queue <c>queue.failed</c>. Default 3.</summary>
    /// <param name="attempts">1 to 1,000.</param>
    ICheckBuilder MaxAttempts(int attempts);

    /// <summary>What happens when a producer cannot be asked or fails to answer. Default: 5 retries, after 1 s, doubled each time; then the check goes to the queue <c>queue.failed</c>.</summary>
    /// <param name="configure">Says it.</param>
    ICheckBuilder Retry(Action<IRetryBuilder> configure);

    /// <summary>Is told of every message that was given up, with the reason, after it was logged and counted and before its check goes to the queue <c>queue.failed</c>.</summary>
    /// <param name="failed">An error of it is logged.</param>
    ICheckBuilder OnFailed(Func<MessageCheck, string, IServiceProvider, CancellationToken, ValueTask> failed);
}
