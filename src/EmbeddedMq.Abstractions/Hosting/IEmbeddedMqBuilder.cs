using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq;

/// <summary>Says what an application wants of one broker: topology, routes of its messages, and consumers.</summary>
/// <remarks>Nothing happens while it is called; all of it is checked together at start, and every mistake is in one error. Not thread-safe.</remarks>
public interface IEmbeddedMqBuilder
{
    /// <summary>The broker's name: the key of its services; empty for the one that is registered without a key.</summary>
    string Name { get; }

    /// <summary>Works in another virtual host than <c>/</c>; it is created if need be.</summary>
    /// <param name="virtualHost">Its name, 1 to 255 bytes of UTF-8.</param>
    IEmbeddedMqBuilder VirtualHost(string virtualHost);

    /// <summary>Declares exchanges, queues and bindings at start, before any consumer. Called again it adds to them.</summary>
    /// <param name="configure">Says which.</param>
    IEmbeddedMqBuilder Topology(Action<ITopologyBuilder> configure);

    /// <summary>Says where messages of a type go, and how. Called again for a type it changes the route.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="configure">Says it.</param>
    IEmbeddedMqBuilder Publish<T>(Action<IPublishBuilder<T>> configure);

    /// <summary>Consumes a queue with a handler class, resolved per message in a scope of its own.</summary>
    /// <typeparam name="T">What the bodies are read as.</typeparam>
    /// <typeparam name="THandler">The handler; registered as transient unless it is registered already. One that needs a service which nobody has registered
    /// keeps the application from starting, as far as that can be seen without making it.</typeparam>
    /// <param name="queue">The queue. One consumer a queue and broker: to do two things with a message, bind two queues.</param>
    IEmbeddedMqBuilder Consume<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(string queue)
        where THandler : class, IMessageHandler<T>
        => Consume<T, THandler>(queue, static _ => { });

    /// <inheritdoc cref="Consume{T, THandler}(string)"/>
    /// <param name="queue">The queue.</param>
    /// <param name="configure">Concurrency, retry and so on.</param>
    IEmbeddedMqBuilder Consume<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string queue, Action<IConsumerBuilder<T>> configure)
        where THandler : class, IMessageHandler<T>;

    /// <summary>Consumes a queue with a function.</summary>
    /// <typeparam name="T">What the bodies are read as.</typeparam>
    /// <param name="queue">The queue.</param>
    /// <param name="handler">The function; services are in the context.</param>
    /// <param name="configure">Concurrency, retry and so on.</param>
    IEmbeddedMqBuilder Consume<T>(
        string queue, Func<T, IMessageContext, CancellationToken, ValueTask> handler, Action<IConsumerBuilder<T>>? configure = null);

    /// <summary>Answers the requests of a queue with a handler class, resolved per request in a scope of its own.</summary>
    /// <typeparam name="TRequest">What the requests are read as.</typeparam>
    /// <typeparam name="TResponse">What the answers are written from.</typeparam>
    /// <typeparam name="THandler">The handler; registered as transient unless it is registered already.</typeparam>
    /// <param name="queue">The queue.</param>
    IEmbeddedMqBuilder Respond<TRequest, TResponse, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(string queue)
        where THandler : class, IRequestHandler<TRequest, TResponse>
        => Respond<TRequest, TResponse, THandler>(queue, static _ => { });

    /// <inheritdoc cref="Respond{TRequest, TResponse, THandler}(string)"/>
    /// <param name="queue">The queue.</param>
    /// <param name="configure">Concurrency, retry and so on.</param>
    IEmbeddedMqBuilder Respond<TRequest, TResponse, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string queue, Action<IConsumerBuilder<TRequest>> configure)
        where THandler : class, IRequestHandler<TRequest, TResponse>;

    /// <summary>Answers the requests of a queue with a function.</summary>
    /// <typeparam name="TRequest">What the requests are read as.</typeparam>
    /// <typeparam name="TResponse">What the answers are written from.</typeparam>
    /// <param name="queue">The queue.</param>
    /// <param name="handler">The function; services are in the context.</param>
    /// <param name="configure">Concurrency, retry and so on.</param>
    IEmbeddedMqBuilder Respond<TRequest, TResponse>(
        string queue, Func<TRequest, IMessageContext, CancellationToken, ValueTask<TResponse>> handler, Action<IConsumerBuilder<TRequest>>? configure = null);

    /// <summary>Stores messages before they are sent: makes <see cref="IOutbox"/> a service, and sends what it holds while the application runs.</summary>
    /// <param name="configure">Store, attempts and so on; <see langword="null"/> means the defaults.</param>
    IEmbeddedMqBuilder Outbox(Action<IOutboxBuilder>? configure = null);

    /// <summary>How idempotent consumers (<see cref="IConsumerBuilder{T}.Idempotent"/>) remember what they have processed.</summary>
    /// <param name="configure">Says it.</param>
    IEmbeddedMqBuilder Idempotence(Action<IIdempotenceBuilder> configure);

    /// <summary>Delayed second confirmation: asks producers about messages that nobody confirms to have processed.</summary>
    /// <param name="configure">Says who records confirmations, and who is asked.</param>
    IEmbeddedMqBuilder Checks(Action<ICheckBuilder> configure);

    /// <summary>Reads and writes bodies with another serializer than the default one, which is System.Text.Json.</summary>
    /// <param name="create">Makes it, once.</param>
    IEmbeddedMqBuilder UseSerializer(Func<IServiceProvider, IMessageSerializer> create);

    /// <summary>Works on another broker than the embedded one.</summary>
    /// <param name="start">Starts or reaches it. It is disposed with the application.</param>
    /// <param name="messagingSystem">Its name in traces and metrics: the attribute <c>messaging.system</c>.</param>
    IEmbeddedMqBuilder UseEngine(Func<IServiceProvider, CancellationToken, ValueTask<IBroker>> start, string messagingSystem = "rabbitmq");
}
