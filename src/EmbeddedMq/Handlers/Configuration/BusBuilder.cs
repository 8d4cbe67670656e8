using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Handlers.Publishing;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects what an application wants of one broker and makes a checked plan of it.</summary>
/// <param name="name">The broker's name; may be empty.</param>
/// <remarks>Not thread-safe. A builder with services derives from it and registers the handler classes it is told of.</remarks>
internal class BusBuilder(string name) : IEmbeddedMqBuilder
{
    private const string EmbeddedSystem = "embeddedmq";

    private readonly ConfigurationErrors _errors = new();
    private readonly Dictionary<Type, PublishRoute> _routes = [];
    private readonly List<ConsumerPlan> _consumers = [];
    private TopologyBuilder? _topology;
    private IdempotencePlan _idempotence = IdempotencePlan.Default;
    private OutboxPlan? _outbox;
    private CheckBuilder? _checks;
    private string _virtualHost = ConnectionOptions.DefaultVirtualHost;
    private string _messagingSystem = EmbeddedSystem;
    private Func<IServiceProvider, IMessageSerializer>? _createSerializer;
    private Func<IServiceProvider, CancellationToken, ValueTask<IBroker>>? _startEngine;

    /// <inheritdoc/>
    public string Name { get; } = name;

    private TopologyBuilder Declared => _topology ??= new TopologyBuilder(_errors);

    /// <inheritdoc/>
    public IEmbeddedMqBuilder VirtualHost(string virtualHost)
    {
        _errors.CheckName("virtual host", virtualHost);
        _virtualHost = virtualHost;
        return this;
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Topology(Action<ITopologyBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(Declared);
        return this;
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Publish<T>(Action<IPublishBuilder<T>> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        PublishRoute<T> route = _routes.TryGetValue(typeof(T), out PublishRoute? known) ? (PublishRoute<T>)known : PublishRoute<T>.Unrouted;
        PublishBuilder<T> builder = new(route, _errors);
        configure(builder);
        _routes[typeof(T)] = builder.Route;
        return this;
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Consume<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string queue, Action<IConsumerBuilder<T>> configure)
        where THandler : class, IMessageHandler<T>
    {
        ArgumentNullException.ThrowIfNull(configure);
        AddHandler<THandler>();
        return Add(
            new ConsumerPlan<T>
            {
                Queue = queue,
                HandlerType = typeof(THandler),
                Call = static (message, context, cancellationToken)
                    => HandlerOf<THandler>(context).HandleAsync(message, context, cancellationToken),
            },
            configure);
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Consume<T>(
        string queue, Func<T, IMessageContext, CancellationToken, ValueTask> handler, Action<IConsumerBuilder<T>>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Add(new ConsumerPlan<T> { Queue = queue, Call = handler.Invoke }, configure);
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Respond<TRequest, TResponse, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string queue, Action<IConsumerBuilder<TRequest>> configure)
        where THandler : class, IRequestHandler<TRequest, TResponse>
    {
        ArgumentNullException.ThrowIfNull(configure);
        AddHandler<THandler>();
        return AddResponder<TRequest, TResponse>(
            queue,
            static (request, context, cancellationToken)
                => HandlerOf<THandler>(context).HandleAsync(request, context, cancellationToken),
            configure,
            typeof(THandler));
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Respond<TRequest, TResponse>(
        string queue, Func<TRequest, IMessageContext, CancellationToken, ValueTask<TResponse>> handler, Action<IConsumerBuilder<TRequest>>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return AddResponder(queue, handler, configure, handlerType: null);
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Outbox(Action<IOutboxBuilder>? configure = null)
    {
        OutboxBuilder builder = new(_outbox ?? new OutboxPlan(), _errors);
        configure?.Invoke(builder);
        _outbox = builder.Plan;
        AddOutbox();
        return this;
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Idempotence(Action<IIdempotenceBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        IdempotenceBuilder builder = new(_idempotence, this, _errors);
        configure(builder);
        _idempotence = builder.Plan;
        return this;
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder Checks(Action<ICheckBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(_checks ??= new CheckBuilder(this, _errors));
        return this;
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder UseSerializer(Func<IServiceProvider, IMessageSerializer> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        _createSerializer = create;
        return this;
    }

    /// <inheritdoc/>
    public IEmbeddedMqBuilder UseEngine(Func<IServiceProvider, CancellationToken, ValueTask<IBroker>> start, string messagingSystem = "rabbitmq")
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentException.ThrowIfNullOrEmpty(messagingSystem);
        _startEngine = start;
        _messagingSystem = messagingSystem;
        return this;
    }

    /// <summary>Checks all of it and makes the plan.</summary>
    /// <param name="options">The settings; those of consumers win over the code.</param>
    /// <param name="errors">Every mistake found, none if the plan can be used.</param>
    public BusPlan Build(MessageBusOptions options, out IReadOnlyList<string> errors)
    {
        ConfigurationErrors found = new();
        foreach (string error in _errors.Errors)
        {
            found.Add(error);
        }

        PlanCompletion.CheckOptions(options, found);
        CheckPlan checks = CheckCompletion.Complete(_checks, _routes, found);
        ConsumerPlan[] consumers = [.. CheckCompletion.WithConsumers(_consumers, _checks, checks).Select(consumer => PlanCompletion.Complete(consumer, options, Declared.Queues, found))];
        PlanCompletion.CheckTogether(consumers, options, found);
        errors = found.Errors;
        return new BusPlan
        {
            Name = Name,
            Topology = CheckCompletion.WithQueues(PlanCompletion.WithSupportingQueues(Declared.Build(_virtualHost), consumers), checks, _checks, _routes.Values),
            Routes = _routes.ToFrozenDictionary(),
            Consumers = consumers,
            Idempotence = _idempotence,
            Outbox = _outbox,
            Checks = checks,
            CreateSerializer = _createSerializer,
            StartEngine = _startEngine,
            MessagingSystem = _messagingSystem,
            NeedsScope = NeedsScope,
        };
    }

    /// <summary>Makes a service of each message's scope, where there are services.</summary>
    /// <typeparam name="TService">Its type.</typeparam>
    /// <param name="create">Makes it.</param>
    internal virtual void ShareWithHandlers<TService>(Func<IServiceProvider, TService> create)
        where TService : class
    {
        // Without services of our own, the application's provider must have it; resolving it says so otherwise.
    }

    /// <summary>Whether a handler class is to be resolved from its message's scope.</summary>
    /// <param name="handler">The class.</param>
    /// <param name="provider">The application's services.</param>
    /// <returns><see langword="false"/> only where the application's services themselves give the same.</returns>
    protected virtual bool NeedsScope(Type handler, IServiceProvider provider) => true; // without services of our own, nothing is known of them

    /// <summary>Takes note of a handler of checks.</summary>
    /// <typeparam name="THandler">The class.</typeparam>
    internal void AddCheckHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>()
        where THandler : class
        => AddHandler<THandler>();

    /// <summary>Takes note of a handler class.</summary>
    /// <typeparam name="THandler">The class.</typeparam>
    protected virtual void AddHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>()
        where THandler : class
    {
        // Without services of our own, the application's provider must know the class; resolving it says so otherwise.
    }

    /// <summary>Takes note that there is an outbox.</summary>
    protected virtual void AddOutbox()
    {
        // Without services of our own, the bus hands it out.
    }

    // Whoever calls a handler gives it a context of ours.
    private static THandler HandlerOf<THandler>(IMessageContext context)
        where THandler : class
        => ((MessageContext)context).HandlerServices.GetRequiredService<THandler>();

    private static async ValueTask RespondAsync<TRequest, TResponse>(
        Func<TRequest, IMessageContext, CancellationToken, ValueTask<TResponse>> handler, TRequest request, IMessageContext context, CancellationToken cancellationToken)
    {
        TResponse response = await handler(request, context, cancellationToken).ConfigureAwait(false);
        await ((MessageContext)context).RespondIfWantedAsync(response, cancellationToken).ConfigureAwait(false);
    }

    private BusBuilder AddResponder<TRequest, TResponse>(
        string queue, Func<TRequest, IMessageContext, CancellationToken, ValueTask<TResponse>> handler, Action<IConsumerBuilder<TRequest>>? configure, Type? handlerType)
        => Add(
            new ConsumerPlan<TRequest>
            {
                Queue = queue,
                HandlerType = handlerType,
                Call = (request, context, cancellationToken) => RespondAsync(handler, request, context, cancellationToken),
                CheckResponse = static serializer => serializer.Check<TResponse>(),
            },
            configure);

    private BusBuilder Add<T>(ConsumerPlan<T> plan, Action<IConsumerBuilder<T>>? configure)
    {
        _errors.CheckName("queue", plan.Queue);
        ConsumerBuilder<T> builder = new(plan, _errors);
        configure?.Invoke(builder);
        _consumers.Add(builder.Plan);
        return this;
    }
}
