using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Hosting;

/// <summary>One broker of an application with services, and the bus on it, from the first use to the end.</summary>
/// <remarks>Thread-safe. A start that failed leaves nothing behind and can be tried again; a stop is final.</remarks>
internal sealed class BrokerHost : IAsyncDisposable, IDisposable
{
    private readonly EmbeddedMqBuilder _builder;
    private readonly IServiceProvider _services;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _lifecycle = new(1, 1); // start and end one after the other
    private readonly Lazy<Parts> _parts;
    private volatile IBroker? _broker;        // written under _lifecycle
    private volatile bool _isDisposed;
    private IDisposable? _gauges;             // guarded by _lifecycle
    private IDisposable? _storageGauges;      // guarded by _lifecycle
    private IDisposable? _outboxGauges;       // guarded by _lifecycle

    /// <summary>Makes a broker that has not been started.</summary>
    /// <param name="builder">What the application wants of it.</param>
    /// <param name="services">The application's services.</param>
    public BrokerHost(EmbeddedMqBuilder builder, IServiceProvider services)
    {
        _builder = builder;
        _services = services;
        _logger = GuardedLogger.From(services.GetService<ILoggerFactory>(), Log.Category);
        _parts = new Lazy<Parts>(MakeParts);
    }

    /// <summary>The broker's name.</summary>
    public string Name => _parts.Value.Options.Name;

    /// <summary>The typed layer.</summary>
    /// <exception cref="OptionsValidationException">What was configured has mistakes.</exception>
    public MessageBus Bus => _parts.Value.Bus;

    /// <summary>Whether the broker runs.</summary>
    public bool IsStarted => _broker is not null && !_isDisposed;

    /// <summary>The running broker.</summary>
    /// <exception cref="InvalidOperationException">It does not run.</exception>
    public IBroker StartedBroker => _broker ?? throw (_isDisposed ? MqErrors.BrokerEnded(_builder.Name) : MqErrors.NotStarted(_builder.Name));

    /// <summary>Starts the broker and declares the topology. Once it has succeeded it does nothing.</summary>
    /// <param name="cancellationToken">Gives up the start.</param>
    /// <param name="forConsumers">Whether its consumers are going to be started, so that their handler classes must be such as can be made.</param>
    /// <returns>The running broker.</returns>
    public async ValueTask<IBroker> StartAsync(CancellationToken cancellationToken, bool forConsumers = false)
    {
        try
        {
            MessageBus bus = Bus;
            if (forConsumers)
            {
                MessageBus.ThrowIfAny(_builder.Name, [.. HandlerCheck.Check(_parts.Value.Plan.Consumers, _builder.Services, _services)]);
            }

            await bus.PrepareAsync(cancellationToken).ConfigureAwait(false);
            return StartedBroker;
        }
        catch (Exception error) when (!_isDisposed && !cancellationToken.IsCancellationRequested)
        {
            // Not for a caller who has given up: others may be starting it, or use it already.
            Log.StartFailed(_logger, error, NameInLog);
            await CloseBrokerAsync(isFinal: false).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Starts the consumers.</summary>
    /// <param name="cancellationToken">Gives up the start.</param>
    public async ValueTask StartConsumersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Bus.StartConsumersAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (!_isDisposed)
        {
            Log.StartFailed(_logger, error, NameInLog);
            await DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Stops the consumers. A second call gives the first one's result.</summary>
    /// <param name="defaultTimeout">How long handlers may take where the options do not say.</param>
    /// <param name="cancellationToken">Cancels handlers in flight at once.</param>
    public async ValueTask StopConsumersAsync(TimeSpan defaultTimeout, CancellationToken cancellationToken)
    {
        if (_parts.IsValueCreated)
        {
            await Bus.StopConsumersAsync(defaultTimeout, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Stops consumers that still run and ends the broker, which tells what is left in its queues. A second call does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_parts.IsValueCreated)
        {
            await Bus.StopAsync().ConfigureAwait(false);
            await Bus.CloseAsync().ConfigureAwait(false);
        }

        await CloseBrokerAsync(isFinal: true).ConfigureAwait(false);
    }

    /// <summary>For containers that are disposed synchronously: begins the end without waiting for it. A host has ended it before.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _ = DisposeAsync().AsTask().ContinueWith(
                static (task, state) => Log.StopStepFailed((ILogger)state!, task.Exception!, "", "disposing the broker"),
                _logger,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted,
                TaskScheduler.Default);
        }
    }

    // What is wrong may be what the name comes from.
    private string NameInLog => _parts.IsValueCreated ? Name : _builder.Name.Length > 0 ? _builder.Name : new BrokerOptions().Name;

    private Parts MakeParts()
    {
        BrokerOptions options;
        List<string> errors = [];
        try
        {
            options = _services.GetRequiredService<IOptionsMonitor<BrokerOptions>>().Get(_builder.Name);
        }
        catch (OptionsValidationException error)
        {
            errors.AddRange(error.Failures);
            options = new BrokerOptions();
        }

        MessageBusOptions busOptions = _services.GetRequiredService<IOptionsMonitor<MessageBusOptions>>().Get(_builder.Name);
        BusPlan plan = _builder.Build(busOptions, out IReadOnlyList<string> planErrors);
        errors.AddRange(planErrors);
        IMessageSerializer serializer = plan.CreateSerializer?.Invoke(_services) ?? new JsonMessageSerializer();
        MessageBus bus = new(
            plan,
            busOptions,
            StartBrokerAsync,
            options.Name,
            serializer,
            _services,
            options.TimeProvider,
            _logger);
        errors.AddRange(bus.CheckSerializer(serializer));
        if (EmbeddedMqServiceCollectionExtensions.Section(_services, _builder.Name) is { } section)
        {
            errors.AddRange(UnknownSettings.Find(section, _builder.BrokerNames));
        }

        MessageBus.ThrowIfAny(_builder.Name, errors);
        return new Parts(options, plan, bus);
    }

    private async ValueTask<IBroker> StartBrokerAsync(CancellationToken cancellationToken)
    {
        if (_broker is { } running)
        {
            return running;
        }

        await _lifecycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isDisposed)
            {
                throw MqErrors.BrokerEnded(_builder.Name);
            }

            if (_broker is null)
            {
                Parts parts = _parts.Value;
                IBroker broker = parts.Plan.StartEngine is { } startEngine
                    ? await startEngine(_services, cancellationToken).ConfigureAwait(false)
                    : await Broker.StartAsync(parts.Options, cancellationToken).ConfigureAwait(false);
                _gauges = BrokerGauges.Add(broker, parts.Options.Name, _logger);
                _storageGauges = broker is Broker embedded ? StorageGauges.Add(embedded) : null;
                _outboxGauges = parts.Plan.Outbox is null
                    ? null
                    : OutboxGauges.Add(() => parts.Bus.Outbox.Store, parts.Options.Name, parts.Options.TimeProvider, _logger);
                _broker = broker;
                Log.BrokerStarted(_logger, parts.Options.Name);
            }

            return _broker;
        }
        finally
        {
            _lifecycle.Release();
        }
    }

    private async ValueTask CloseBrokerAsync(bool isFinal)
    {
        await _lifecycle.WaitAsync().ConfigureAwait(false);
        try
        {
            _isDisposed |= isFinal;
            if (_broker is not { } broker)
            {
                return;
            }

            _gauges?.Dispose();
            _storageGauges?.Dispose();
            _outboxGauges?.Dispose();
            _broker = null;
            await broker.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _lifecycle.Release();
        }
    }

    private sealed record Parts(BrokerOptions Options, BusPlan Plan, MessageBus Bus);
}
