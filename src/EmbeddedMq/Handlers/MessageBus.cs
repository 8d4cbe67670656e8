using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Configuration;
using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Handlers.Outbox;
using EmbeddedMq.Handlers.Publishing;
using EmbeddedMq.Handlers.States;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace EmbeddedMq;

/// <summary>Typed publishing and consuming over one broker, without a host. With one, use <c>AddEmbeddedMq</c>.</summary>
/// <remarks>
/// <para>It works on every broker that implements the contracts. Publishing and consuming have a connection each; both, and every consumer,
/// are opened again after they were lost.</para>
/// <para>Thread-safe. Disposing it stops it.</para>
/// </remarks>
public sealed class MessageBus : IAsyncDisposable
{
    private static readonly TimeSpan DefaultStopTimeout = TimeSpan.FromSeconds(24);

    // For all queues together: a broker that cannot be reached is not waited for.
    private static readonly TimeSpan CountingTime = TimeSpan.FromSeconds(3);

    private readonly BusPlan _plan;
    private readonly MessageBusOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MessagingTelemetry _telemetry;
    private readonly Func<CancellationToken, ValueTask<IBroker>> _broker;
    private readonly BusConnection _consumeConnection;
    private readonly BusConnection _publishConnection;
    private readonly Publisher _publisher;
    private readonly MarkKeeper _marks;
    private readonly ConsumerEndpoint[] _endpoints;
    private readonly BusOutbox? _outbox;
    private readonly SemaphoreSlim _lifecycle = new(1, 1);      // start and stop one after the other
    private readonly CancellationTokenSource _stopRequested = new();
    private IReadOnlyList<ConsumerStopReport> _report = [];     // guarded by _lifecycle
    private bool _isStarted;                                    // guarded by _lifecycle
    private bool _isStopped;                                    // guarded by _lifecycle
    private volatile bool _isPrepared;

    internal MessageBus(
        BusPlan plan,
        MessageBusOptions options,
        Func<CancellationToken, ValueTask<IBroker>> broker,
        string brokerName,
        IMessageSerializer serializer,
        IServiceProvider? provider,
        TimeProvider time,
        ILogger logger)
    {
        _plan = plan;
        _options = options;
        _broker = broker;
        _time = time;
        _logger = logger;
        BrokerName = brokerName;
        _telemetry = new MessagingTelemetry(plan.MessagingSystem, brokerName);
        _consumeConnection = new BusConnection(BrokerWithVirtualHostAsync, plan.Topology.VirtualHost, $"{brokerName}.consume", DeclareTopologyAsync);
        _publishConnection = new BusConnection(BrokerWithTopologyAsync, plan.Topology.VirtualHost, $"{brokerName}.publish");
        _publisher = new Publisher(_publishConnection, plan, serializer, options, time, _telemetry, logger);
        _marks = new MarkKeeper(plan.Idempotence, provider ?? NoServices.Instance);
        ConsumerServices services = new()
        {
            ConsumeConnection = _consumeConnection,
            DeclareTopologyAsync = DeclareTopologyAsync,
            PublishConnection = _publishConnection,
            Publisher = _publisher,
            Serializer = serializer,
            Routes = plan.Routes,
            Provider = provider,
            NeedsScope = plan.NeedsScope,
            Scopes = provider?.GetRequiredService<IServiceScopeFactory>(),
            Marks = _marks,
            Checks = plan.Checks.HasService ? new CheckService(plan.Checks, _marks, brokerName, logger) : null,
            Time = time,
            Logger = logger,
            Telemetry = _telemetry,
            Options = options,
        };
        _endpoints = [.. plan.Consumers.Select(consumer => consumer.CreateEndpoint(services))];
        _outbox = plan.Outbox is { } outbox ? CreateOutbox(outbox, provider ?? NoServices.Instance) : null;
        States = new MessageStates(plan, _marks, _outbox?.Source);
    }

    /// <summary>Publishes messages; usable until the bus is disposed.</summary>
    public IPublisher Publisher => _publisher;

    /// <summary>Stores messages before they are sent; usable until the bus is disposed.</summary>
    /// <exception cref="InvalidOperationException">There is none: it was not configured with <see cref="IEmbeddedMqBuilder.Outbox"/>.</exception>
    public IOutbox Outbox => _outbox?.Outbox ?? throw MqErrors.NoOutbox();

    /// <summary>Tells how far a message is, by its id.</summary>
    public IMessageStates States { get; }

    /// <summary>The broker's name.</summary>
    internal string BrokerName { get; }

    /// <summary>Why consumers do not run at the moment, by queue; empty while all is well.</summary>
    internal IReadOnlyDictionary<string, string> ConsumerFailures
        => _endpoints.Where(static endpoint => endpoint.Failure is not null).ToDictionary(static endpoint => endpoint.Queue, static endpoint => endpoint.Failure!);

    /// <summary>Why the outbox does not send at the moment, or <see langword="null"/> while all is well, or there is none.</summary>
    internal string? OutboxFailure => _outbox?.Relay?.Failure;

    /// <summary>Where the outbox keeps its messages, or <see langword="null"/> where there is none.</summary>
    internal IOutboxStore? OutboxStore => _outbox?.Outbox.Store;

    /// <summary>Why calls to the broker wait, or <see langword="null"/>.</summary>
    internal string? BlockedReason => _publishConnection.BlockedReason ?? _consumeConnection.BlockedReason;

    /// <summary>Declares the topology and starts the consumers.</summary>
    /// <param name="broker">The broker; stays the caller's.</param>
    /// <param name="configure">Topology, routes and consumers.</param>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    /// <param name="services">Resolves handler classes, which must be registered there, for each message in a scope of its own; <see langword="null"/>: functions only.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> means the system's.</param>
    /// <param name="loggerFactory">Where it logs to; <see langword="null"/> means nowhere.</param>
    /// <param name="cancellationToken">Gives up the start.</param>
    /// <returns>A running bus; the caller disposes it.</returns>
    /// <exception cref="OptionsValidationException">What was configured has mistakes; all of them are listed.</exception>
    /// <exception cref="EmbeddedMqException">The broker refused a declaration or a consumer; what had been started was stopped again.</exception>
    public static async ValueTask<MessageBus> StartAsync(
        IBroker broker,
        Action<IEmbeddedMqBuilder> configure,
        MessageBusOptions? options = null,
        IServiceProvider? services = null,
        TimeProvider? timeProvider = null,
        ILoggerFactory? loggerFactory = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(broker);
        ArgumentNullException.ThrowIfNull(configure);
        BusBuilder builder = new("");
        configure(builder);
        options ??= new MessageBusOptions();
        BusPlan plan = builder.Build(options, out IReadOnlyList<string> errors);
        if (plan.StartEngine is not null)
        {
            errors = [.. errors, "UseEngine has no effect here: the broker is given. Leave it out."];
        }

        ThrowIfAny(broker.Name, [.. errors, .. HandlerCheck.Check(plan.Consumers, new ServiceCollection(), services)]);
        IMessageSerializer serializer = plan.CreateSerializer?.Invoke(services ?? NoServices.Instance) ?? new JsonMessageSerializer();
        MessageBus bus = new(
            plan,
            options,
            _ => new ValueTask<IBroker>(broker),
            broker.Name,
            serializer,
            services,
            timeProvider ?? TimeProvider.System,
            GuardedLogger.From(loggerFactory, Log.Category));
        try
        {
            ThrowIfAny(broker.Name, bus.CheckSerializer(serializer));
            await bus.PrepareAsync(cancellationToken).ConfigureAwait(false);
            await bus.StartConsumersAsync(cancellationToken).ConfigureAwait(false);
            return bus;
        }
        catch
        {
            await bus.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Stops the consumers: nothing more is taken, handlers in flight end or are cancelled when their time is over, the rest goes back. A second call gives the first one's result.</summary>
    /// <param name="cancellationToken">Cancels handlers in flight at once instead of when their time is over.</param>
    /// <returns>What each consumer left.</returns>
    /// <remarks>Publishing remains possible. How long handlers may take: <see cref="MessageBusOptions.StopTimeout"/>.</remarks>
    public ValueTask<IReadOnlyList<ConsumerStopReport>> StopAsync(CancellationToken cancellationToken = default)
        => StopConsumersAsync(DefaultStopTimeout, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
    }

    /// <summary>The types that the serializer does not know, each with what to do about it.</summary>
    /// <param name="serializer">The serializer.</param>
    internal IReadOnlyList<string> CheckSerializer(IMessageSerializer serializer)
    {
        List<string> errors = [];
        foreach (Action<IMessageSerializer> check in _plan.Routes.Values.Select(static route => (Action<IMessageSerializer>)route.Check)
            .Concat(_plan.Consumers.Select(consumer => (Action<IMessageSerializer>)(serializer => consumer.Check(serializer, _plan.Routes)))))
        {
            try
            {
                check(serializer);
            }
            catch (InvalidOperationException error)
            {
                errors.Add(error.Message);
            }
        }

        return [.. errors.Distinct()];
    }

    /// <summary>Connects and declares the topology. Once it has succeeded it does nothing.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    internal async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        if (!_isPrepared)
        {
            await _consumeConnection.GetAsync(cancellationToken).ConfigureAwait(false);
        }

        if (_plan.Outbox is { CreateStore: null } && await _broker(cancellationToken).ConfigureAwait(false) is var broker and not IBrokerStores)
        {
            ThrowIfAny(BrokerName, [MqErrors.NoOutboxStore(broker.Name)]);
        }
    }

    /// <summary>Starts the consumers. When one fails, those that were started are stopped again. A second call does nothing, and none is started after a stop.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    internal async ValueTask StartConsumersAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopRequested.Token);
        await _lifecycle.WaitAsync(either.Token).ConfigureAwait(false);
        try
        {
            if (_isStarted || _isStopped)
            {
                return;
            }

            _isStarted = true;
            if (_plan.Consumers.FirstOrDefault(static consumer => consumer.IsIdempotent) is { } idempotent)
            {
                _marks.Open(await _broker(either.Token).ConfigureAwait(false), idempotent.Queue);
            }

            if (_plan.Checks.HasService)
            {
                _marks.Open(await _broker(either.Token).ConfigureAwait(false), _plan.Checks.Queue);
            }

            _outbox?.Relay?.Start();
            foreach (ConsumerEndpoint endpoint in _endpoints)
            {
                await endpoint.StartAsync(either.Token).ConfigureAwait(false);
            }
        }
        catch
        {
            // Those that run already are stopped without waiting long: the application is not going to start.
            await StopEndpointsAsync(new StopBudget(TimeSpan.Zero, Grace(DefaultStopTimeout), _time, CancellationToken.None)).ConfigureAwait(false);
            _isStopped = true;
            throw;
        }
        finally
        {
            _lifecycle.Release();
        }
    }

    /// <summary>Stops the consumers. A second call gives the first one's result.</summary>
    /// <param name="defaultTimeout">How long handlers may take where the options do not say.</param>
    /// <param name="cancellationToken">Cancels handlers in flight at once.</param>
    internal async ValueTask<IReadOnlyList<ConsumerStopReport>> StopConsumersAsync(TimeSpan defaultTimeout, CancellationToken cancellationToken)
    {
        // Ends a start that is under way, so that the stop need not wait for it.
        await _stopRequested.CancelAsync().ConfigureAwait(false);
        await _lifecycle.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            if (!_isStopped)
            {
                _isStopped = true;
                if (_isStarted && (_endpoints.Length > 0 || _outbox is not null))
                {
                    await StopAndReportAsync(_options.StopTimeout ?? defaultTimeout, cancellationToken).ConfigureAwait(false);
                }
            }

            return _report;
        }
        finally
        {
            _lifecycle.Release();
        }
    }

    /// <summary>Closes publisher and connections; the consumers must have stopped.</summary>
    internal async ValueTask CloseAsync()
    {
        // Before what is on them: whoever waits to open something on a broker that does not answer would be waited for.
        await TryCloseAsync(_consumeConnection.DisposeAsync, "the consumers' connection").ConfigureAwait(false);
        await TryCloseAsync(_publishConnection.DisposeAsync, "the publisher's connection").ConfigureAwait(false);
        foreach (ConsumerEndpoint endpoint in _endpoints)
        {
            await TryCloseAsync(endpoint.DisposeAsync, "a consumer").ConfigureAwait(false);
        }

        await TryCloseAsync(_marks.DisposeAsync, "the idempotence store").ConfigureAwait(false);
        if (_outbox is not null)
        {
            await TryCloseAsync(_outbox.DisposeAsync, "the outbox").ConfigureAwait(false);
        }

        await TryCloseAsync(_publisher.CloseAsync, "the publisher").ConfigureAwait(false);
    }

    /// <summary>Throws one error that tells all mistakes.</summary>
    /// <param name="brokerName">The broker's name.</param>
    /// <param name="errors">The mistakes; none: nothing happens.</param>
    internal static void ThrowIfAny(string brokerName, IReadOnlyList<string> errors)
    {
        if (errors.Count > 0)
        {
            throw new OptionsValidationException(brokerName, typeof(MessageBusOptions), errors);
        }
    }

    private async ValueTask<IBroker> BrokerWithVirtualHostAsync(CancellationToken cancellationToken)
    {
        IBroker broker = await _broker(cancellationToken).ConfigureAwait(false);
        await TopologyDeclarer.PrepareAsync(broker.Management, _plan.Topology, cancellationToken).ConfigureAwait(false);
        return broker;
    }

    private async ValueTask<IBroker> BrokerWithTopologyAsync(CancellationToken cancellationToken)
    {
        // Whoever publishes first must find the exchanges, whether or not consumers have been started.
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        return await _broker(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask DeclareTopologyAsync(CancellationToken cancellationToken)
    {
        IConnection connection = await _consumeConnection.GetAsync(cancellationToken).ConfigureAwait(false);
        await DeclareTopologyAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask DeclareTopologyAsync(IConnection connection, CancellationToken cancellationToken)
    {
        TopologyPlan topology = _plan.Topology;
        await TopologyDeclarer.DeclareAsync(connection, topology, cancellationToken).ConfigureAwait(false);
        _isPrepared = true;
        Log.TopologyDeclared(
            _logger, BrokerName, topology.VirtualHost, topology.Exchanges.Count, topology.Queues.Count + topology.QueuesIfMissing.Count, topology.Bindings.Count);
    }

    private async ValueTask StopAndReportAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        StopBudget budget = new(timeout, Grace(timeout), _time, cancellationToken)
        {
            Over = () => Log.HandlersCancelled(_logger, BrokerName, timeout),
            Failed = error => Log.StopStepFailed(_logger, error, BrokerName, "cancelling handlers"),
        };
        ConsumerStopReport[] reports = await StopEndpointsAsync(budget).ConfigureAwait(false);
        using CancellationTokenSource counting = new(CountingTime, _time);
        for (int i = 0; i < reports.Length; i++)
        {
            reports[i] = reports[i] with { Ready = await CountReadyAsync(reports[i].Queue, counting.Token).ConfigureAwait(false) };
            _telemetry.RecordRemaining(reports[i].Queue, "returned", reports[i].Returned);
            _telemetry.RecordRemaining(reports[i].Queue, "abandoned", reports[i].Abandoned);
            _telemetry.RecordRemaining(reports[i].Queue, "ready", Math.Max(0, reports[i].Ready));
        }

        _report = reports;
        if (reports.Length == 0)
        {
            return;
        }

        LogLevel level = reports.All(static report => report is { Returned: 0, Abandoned: 0, Ready: 0 }) ? LogLevel.Information : LogLevel.Warning;
        string queues = string.Join("; ", reports.Select(Describe));
        Log.ConsumersStopped(_logger, level, BrokerName, queues);
    }

    private static string Describe(ConsumerStopReport report)
        => $"{report.Queue}: {(report.Ready < 0 ? "unknown" : report.Ready)} ready ({report.Returned} of them given back), {report.Abandoned} handlers left behind";

    // And the relay beside them: what handlers store until their end is sent after the next start.
    private async ValueTask<ConsumerStopReport[]> StopEndpointsAsync(StopBudget budget)
    {
        ValueTask relay = _outbox?.Relay?.StopAsync(budget) ?? ValueTask.CompletedTask;
        ConsumerStopReport[] reports = await Task.WhenAll(_endpoints.Select(endpoint => endpoint.StopAsync(budget).AsTask())).ConfigureAwait(false);
        await relay.ConfigureAwait(false);
        return reports;
    }

    private BusOutbox CreateOutbox(OutboxPlan plan, IServiceProvider services)
    {
        OutboxStoreSource source = new(plan, _broker, services);
        MessageOutbox outbox = new(_publisher, source, BrokerName);
        return new BusOutbox(outbox, source, !plan.HasRelay ? null : new OutboxRelay(new RelayServices
        {
            Plan = plan,
            Source = source,
            Connection = _publishConnection,
            Broker = BrokerName,
            Services = services,
            Options = _options,
            Time = _time,
            Logger = _logger,
            Telemetry = _telemetry,
        }));
    }

    private async ValueTask<long> CountReadyAsync(string queue, CancellationToken cancellationToken)
    {
        if (!_consumeConnection.IsOpen)
        {
            return -1;
        }

        try
        {
            IConnection connection = await _consumeConnection.GetAsync(cancellationToken).ConfigureAwait(false);
            IChannel channel = await connection.OpenChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            await using (channel.ConfigureAwait(false))
            {
                QueueDeclared declared = await channel.DeclareQueuePassiveAsync(queue, cancellationToken).ConfigureAwait(false);
                return declared.MessageCount;
            }
        }
        catch (EmbeddedMqException error) when (error.ReplyCode == ReplyCode.NotFound)
        {
            return 0; // an auto-delete queue goes with its consumer, and its messages with it: then there is nothing left to count
        }
        catch (Exception error) when (error is EmbeddedMqException or OperationCanceledException)
        {
            Log.StopStepFailed(_logger, error, BrokerName, $"counting queue '{queue}'");
            return -1;
        }
    }

    private TimeSpan Grace(TimeSpan timeout) => _options.StopGrace ?? timeout / 8;

    private async ValueTask TryCloseAsync(Func<ValueTask> close, string name)
    {
        try
        {
            await close().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            Log.StopStepFailed(_logger, error, BrokerName, $"closing {name}");
        }
    }
}
