using System.Collections.Concurrent;
using System.Security.Authentication;
using EmbeddedMq.RabbitMq.Channels;
using EmbeddedMq.RabbitMq.Errors;
using EmbeddedMq.RabbitMq.Hosting;
using EmbeddedMq.RabbitMq.Management;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Connections;

/// <summary>A connection to a server. It outlives the wire: when that is lost it gets another one, declares again what it had declared, and opens
/// its channels and consumers again.</summary>
/// <remarks>
/// <para>Recovery is ours, not the client's: only so is known, for each publish, on which wire it went, and for each delivery tag, from which wire
/// it came. What ends for good: a close from this side; an error of the application's (501 to 541); an operator's close (320). What is
/// recovered: a broken socket, missed heartbeats, and a server that shuts down (320 with the reason <c>shutdown</c>).</para>
/// <para>Thread-safe. <c>_gate</c> guards the state; it is not held while anything is awaited or completed.</para>
/// </remarks>
internal sealed class RabbitConnection : IConnection
{
    private const string BlockedByLoss = "connection lost, being recovered";

    private readonly HttpManagement _management;
    private readonly string _virtualHost;
    private readonly Action<RabbitConnection> _forget;
    private readonly ILogger _logger;
    private readonly SerialExecutor _events;
    private readonly ConcurrentDictionary<int, RabbitChannel> _channels = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<CloseReason> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private TaskCompletionSource? _recovered;         // of the outage that lasts; null while there is a session. Guarded by _gate
    private Task _recovery = Task.CompletedTask;      // guarded by _gate
    private volatile Client.IConnection _session;     // written under _gate
    private volatile CloseReason? _closeReason;       // set once, under _gate
    private volatile string? _blockedReason;

    private RabbitConnection(RabbitMqSettings settings, HttpManagement management, string virtualHost, Client.IConnection session, string name, Action<RabbitConnection> forget, ILogger logger)
    {
        Settings = settings;
        _management = management;
        Name = name;
        _virtualHost = virtualHost;
        _session = session;
        _forget = forget;
        _logger = logger;
        _events = new SerialExecutor(ReportHandlerFailure);
    }

    /// <inheritdoc/>
    public event EventHandler<ConnectionBlockedEventArgs>? BlockedChanged;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string VirtualHost => _virtualHost;

    /// <inheritdoc/>
    public string UserName => Settings.UserName;

    /// <inheritdoc/>
    /// <remarks>Stays <see langword="true"/> while a lost connection is being recovered.</remarks>
    public bool IsOpen => _closeReason is null;

    /// <inheritdoc/>
    public CloseReason? CloseReason => _closeReason;

    /// <inheritdoc/>
    public Task<CloseReason> Closed => _closed.Task;

    /// <inheritdoc/>
    /// <remarks>Also while a lost connection is being recovered, because publishers wait then, too.</remarks>
    public string? BlockedReason => _blockedReason;

    /// <inheritdoc/>
    public IReadOnlyCollection<IChannel> Channels => [.. _channels.Values.OrderBy(static channel => channel.Number)];

    /// <summary>The options.</summary>
    internal RabbitMqSettings Settings { get; }

    /// <summary>What was declared through this connection.</summary>
    internal TopologyRecord Topology { get; } = new();

    /// <summary>Opens a connection.</summary>
    /// <param name="settings">The options.</param>
    /// <param name="management">The server's HTTP API.</param>
    /// <param name="virtualHost">The virtual host, resolved.</param>
    /// <param name="name">The connection's name.</param>
    /// <param name="forget">Called when it has closed.</param>
    /// <param name="logger">Where losses and recoveries are logged.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ConnectionException">No server could be reached, or it refused.</exception>
    internal static async ValueTask<RabbitConnection> OpenAsync(
        RabbitMqSettings settings,
        HttpManagement management,
        string virtualHost,
        string name,
        Action<RabbitConnection> forget,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        Client.IConnection session = await OpenSessionAsync(settings, virtualHost, name, cancellationToken).ConfigureAwait(false);
        RabbitConnection connection = new(settings, management, virtualHost, session, name, forget, logger);
        connection.Watch(session);
        connection.Attach(session);
        return connection;
    }

    /// <inheritdoc/>
    public async ValueTask<IChannel> OpenChannelAsync(ChannelOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ChannelOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxOutstandingPublishes, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxOutstandingPublishes, 16_777_216, nameof(options));
        cancellationToken.ThrowIfCancellationRequested();
        RabbitChannel channel = AddChannel(options);
        try
        {
            while (true)
            {
                Client.IConnection session = await GetSessionAsync(cancellationToken).ConfigureAwait(false);
                try
                {
                    await channel.ResumeAsync(session, cancellationToken).ConfigureAwait(false);
                    return channel.IsOpen ? channel : throw ClosedMeanwhile(channel);
                }
                catch (ChannelAllocationException)
                {
                    throw RabbitMqErrors.TooManyChannels(session.ChannelMax);
                }
                catch (Exception error) when (WireFailure.Is(error, cancellationToken))
                {
                    if (session.CloseReason is not { } lost)
                    {
                        throw RabbitMqErrors.NoAnswer(Name, error);
                    }

                    NoteShutdown(session, lost);
                }
            }
        }
        catch
        {
            channel.TryClose(new CloseReason(CloseInitiator.Application, ReplyCode.Success, "never opened"));
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask CloseAsync(ReplyCode replyCode = ReplyCode.Success, string replyText = "Goodbye", CancellationToken cancellationToken = default)
    {
        if (!Close(new CloseReason(CloseInitiator.Application, replyCode, replyText), closeSession: false))
        {
            return;
        }

        Client.IConnection session = _session; // the last one: no recovery puts another one in use now
        Task recovery;

        lock (_gate)
        {
            recovery = _recovery;
        }

        await recovery.WaitAsync(cancellationToken).ConfigureAwait(false);
        await CloseSessionAsync(session, replyCode, replyText).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CloseAsync().ConfigureAwait(false);

    /// <summary>The wire was closed, as an event or a failed call tells; several may tell of one loss.</summary>
    /// <param name="session">The wire.</param>
    /// <param name="reason">Why.</param>
    internal void NoteShutdown(Client.IConnection session, ShutdownEventArgs reason)
    {
        if (session != _session)
        {
            return; // of an earlier wire, or of one that never came into use
        }

        if (!IsRecoverable(reason))
        {
            CloseInitiator initiator = reason.Initiator == Client.ShutdownInitiator.Application ? CloseInitiator.Application : CloseInitiator.Broker;
            Close(new CloseReason(initiator, (ReplyCode)reason.ReplyCode, reason.ReplyText), closeSession: true);
            return;
        }

        lock (_gate)
        {
            if (_closeReason is not null || _recovered is not null || session != _session)
            {
                return;
            }

            _recovered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        ConnectionLog.Lost(_logger, Name, reason.ReplyText);
        ConnectionException unknown = RabbitMqErrors.OutcomeUnknown(Name, reason.ReplyText);
        foreach (RabbitChannel channel in _channels.Values)
        {
            channel.Suspend(unknown);
        }

        SetBlocked(BlockedByLoss); // last: what is published from now on waits, and its outcome will be known
        Task recovery = Task.Run(() => RecoverAsync(session, reason));
        lock (_gate)
        {
            _recovery = recovery;
        }
    }

    /// <summary>Waits until the connection is whole again.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ConnectionException">It took longer than the options allow, or the connection closed for good.</exception>
    internal async ValueTask WaitForRecoveryAsync(CancellationToken cancellationToken) => await GetSessionAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Declares an internal exchange: over the HTTP API, because RabbitMQ.Client has no method for it.</summary>
    /// <param name="declaration">The exchange.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="NotSupportedException">The options name no HTTP API.</exception>
    internal ValueTask DeclareInternalExchangeAsync(ExchangeDeclaration declaration, CancellationToken cancellationToken)
        => _management.DeclareExchangeAsync(_virtualHost, declaration, cancellationToken);

    /// <summary>Takes a closed channel out.</summary>
    /// <param name="channel">The channel.</param>
    internal void Forget(RabbitChannel channel) => _channels.TryRemove(KeyValuePair.Create(channel.Number, channel));

    /// <summary>Ceases to declare a queue again that has gone with its last consumer.</summary>
    /// <param name="queue">The queue.</param>
    internal void ForgetAutoDeleteQueue(string queue)
    {
        if (Topology.IsAutoDelete(queue) && !_channels.Values.SelectMany(static channel => channel.Consumers).Any(consumer => consumer.Queue == queue))
        {
            Topology.RemoveQueue(queue);
        }
    }

    /// <summary>Reports what the application's event handler threw.</summary>
    /// <param name="error">The error.</param>
    internal void ReportHandlerFailure(Exception error) => ConnectionLog.HandlerFailed(_logger, error, Name);

    private static bool IsRecoverable(ShutdownEventArgs reason) => reason.Initiator switch
    {
        Client.ShutdownInitiator.Application => false,
        Client.ShutdownInitiator.Peer => reason.ReplyCode == (ushort)ReplyCode.ConnectionForced && reason.ReplyText.Contains("'shutdown'", StringComparison.Ordinal),
        _ => true,
    };

    private static async ValueTask<Client.IConnection> OpenSessionAsync(RabbitMqSettings settings, string virtualHost, string name, CancellationToken cancellationToken)
    {
        // One host after another is ours to do: the client moves on when a host cannot be reached, but not when it breaks off the handshake, as
        // a node does that is going down, and as a load balancer does in front of one that is gone.
        List<ConnectionException> failures = [];
        foreach (Client.AmqpTcpEndpoint endpoint in settings.EndpointsInTurn())
        {
            try
            {
                return await OpenSessionAsync(settings, endpoint, virtualHost, name, cancellationToken).ConfigureAwait(false);
            }
            catch (ConnectionException error) when (error.IsTransient || error.InnerException is AuthenticationException)
            {
                failures.Add(error);
            }
        }

        // Among several, one that may answer later makes it worth trying again, whatever is wrong with the others.
        throw failures is [ConnectionException only] ? only
            : failures.TrueForAll(static error => !error.IsTransient) ? failures[0]
            : RabbitMqErrors.NoneReachable(settings.HostNames, failures);
    }

    private static async ValueTask<Client.IConnection> OpenSessionAsync(
        RabbitMqSettings settings, Client.AmqpTcpEndpoint endpoint, string virtualHost, string name, CancellationToken cancellationToken)
    {
        string host = RabbitMqSettings.NameOf(endpoint);
        Client.IConnection? session = null;
        try
        {
            session = await settings.CreateFactory(virtualHost, name).CreateConnectionAsync([endpoint], name, cancellationToken).ConfigureAwait(false);

            // The client does not wait for the server to open the virtual host; the first answer on a channel tells that it did.
            Client.IChannel probe = await session.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            await probe.CloseAsync((ushort)ReplyCode.Success, "Goodbye", abort: false, cancellationToken).ConfigureAwait(false);
            await probe.DisposeAsync().ConfigureAwait(false);
            return session;
        }
        catch (Exception error) when (session is not null)
        {
            ShutdownEventArgs? refusal = session.CloseReason;
            await CloseSessionAsync(session, ReplyCode.Success, "refused").ConfigureAwait(false);
            throw refusal is { Initiator: Client.ShutdownInitiator.Peer }
                ? RabbitMqErrors.OpenRefused(refusal, virtualHost)
                : WireFailure.IsCancellation(error, cancellationToken) ? error : RabbitMqErrors.Unreachable(host, error);
        }
        catch (BrokerUnreachableException error)
        {
            foreach (Exception cause in Causes(error))
            {
                switch (cause)
                {
                    case AuthenticationFailureException or PossibleAuthenticationFailureException:
                        throw RabbitMqErrors.LoginRefused(settings.UserName, error);
                    case OperationInterruptedException { ShutdownReason: { Initiator: Client.ShutdownInitiator.Peer } refusal }:
                        throw RabbitMqErrors.OpenRefused(refusal, virtualHost);
                    case AuthenticationException mistrust:
                        throw RabbitMqErrors.TlsFailed(host, mistrust);
                }
            }

            throw RabbitMqErrors.Unreachable(host, error);
        }
        catch (OperationInterruptedException error) when (error.ShutdownReason is { Initiator: Client.ShutdownInitiator.Peer } refusal)
        {
            throw RabbitMqErrors.OpenRefused(refusal, virtualHost);
        }
        catch (Exception error) when (WireFailure.Is(error, cancellationToken))
        {
            throw RabbitMqErrors.Unreachable(host, error);
        }
    }

    private static IEnumerable<Exception> Causes(Exception error)
    {
        for (Exception? cause = error.InnerException; cause is not null; cause = cause.InnerException)
        {
            yield return cause;
            if (cause is AggregateException several)
            {
                foreach (Exception inner in several.InnerExceptions.SelectMany(static e => Causes(e).Prepend(e)))
                {
                    yield return inner;
                }
            }
        }
    }

    // Never throws: the server does by itself what the close asks for, and whatever the client fails of, the wire is given up.
    private static async Task CloseSessionAsync(Client.IConnection session, ReplyCode replyCode, string replyText)
    {
        try
        {
            await session.CloseAsync((ushort)replyCode, replyText, TimeSpan.FromSeconds(10), abort: true, CancellationToken.None).ConfigureAwait(false);
            await session.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // A recovery that ended here would leave everybody waiting for it.
        }
    }

    private EmbeddedMqException ClosedMeanwhile(RabbitChannel channel)
        => _closeReason is { } reason ? RabbitMqErrors.ConnectionClosed(reason, Name) : channel.ClosedError();

    private RabbitChannel AddChannel(ChannelOptions options)
    {
        lock (_gate)
        {
            if (_closeReason is { } reason)
            {
                throw RabbitMqErrors.ConnectionClosed(reason, Name);
            }

            int number = 1;
            while (_channels.ContainsKey(number))
            {
                number++;
            }

            return _channels[number] = new RabbitChannel(number, options, this);
        }
    }

    private async ValueTask<Client.IConnection> GetSessionAsync(CancellationToken cancellationToken)
    {
        Task recovered;
        lock (_gate)
        {
            if (_closeReason is { } reason)
            {
                throw RabbitMqErrors.ConnectionClosed(reason, Name);
            }

            if (_recovered is null)
            {
                return _session;
            }

            recovered = _recovered.Task;
        }

        TimeSpan timeout = Settings.Options.OutageTimeout;
        try
        {
            await recovered.WaitAsync(timeout, Settings.Options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw RabbitMqErrors.OutageTooLong(Name, timeout);
        }

        return _closeReason is { } closed ? throw RabbitMqErrors.ConnectionClosed(closed, Name) : _session;
    }

    // Before it has channels: the client tells one after the other, and they are told only after us that they are gone.
    private void Watch(Client.IConnection session)
        => session.ConnectionShutdownAsync += (_, reason) =>
        {
            NoteShutdown(session, session.CloseReason ?? reason);
            return Task.CompletedTask;
        };

    private void Attach(Client.IConnection session)
    {
        session.ConnectionBlockedAsync += (_, blocked) =>
        {
            SetBlocked(blocked.Reason);
            return Task.CompletedTask;
        };
        session.ConnectionUnblockedAsync += (_, _) =>
        {
            SetBlocked(null);
            return Task.CompletedTask;
        };

        // It may have been lost before it was in use, when nobody would hear of it.
        if (session.CloseReason is { } lost)
        {
            NoteShutdown(session, lost);
        }
    }

    private void SetBlocked(string? reason)
    {
        lock (_gate)
        {
            if (_blockedReason == reason)
            {
                return;
            }

            _blockedReason = reason;
            _events.Post(() => ForeignHandlers.Call(BlockedChanged, this, new ConnectionBlockedEventArgs(reason), ReportHandlerFailure));
        }
    }

    private bool Close(CloseReason reason, bool closeSession)
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            if (_closeReason is not null)
            {
                return false;
            }

            _closeReason = reason;
            waiting = _recovered;
        }

        _closing.Cancel();
        foreach (RabbitChannel channel in _channels.Values)
        {
            channel.TryClose(reason);
        }

        waiting?.TrySetResult();
        _forget(this);
        _closed.TrySetResult(reason);
        if (closeSession)
        {
            // The socket and its loops are freed; there is nobody to wait for it, and it does not throw.
            _ = CloseSessionAsync(_session, ReplyCode.Success, "Goodbye");
        }

        return true;
    }

    private async Task RecoverAsync(Client.IConnection lost, ShutdownEventArgs reason)
    {
        TimeProvider time = Settings.Options.TimeProvider;
        long began = time.GetTimestamp();
        string cause = reason.ReplyText;
        TimeSpan delay = Settings.Options.RecoveryFirstDelay;
        await CloseSessionAsync(lost, ReplyCode.Success, "lost").ConfigureAwait(false);
        try
        {
            for (int attempt = 1; !_closing.IsCancellationRequested; attempt++)
            {
                try
                {
                    if (await TryRecoverOnceAsync().ConfigureAwait(false))
                    {
                        ConnectionLog.Recovered(_logger, Name, time.GetElapsedTime(began).TotalMilliseconds, attempt);
                        return;
                    }
                }
                catch (EmbeddedMqException error) when (!error.IsTransient)
                {
                    // The server is there and refuses: trying again will not change its mind.
                    Close(new CloseReason(CloseInitiator.Broker, error.ReplyCode, error.ReplyText), closeSession: true);
                    return;
                }
                catch (Exception error) when (!_closing.IsCancellationRequested)
                {
                    // Whatever it was: a recovery that ended here would leave everybody waiting for it.
                    cause = error.Message;
                }

                if (Settings.Options.RecoveryTimeout is { } limit && time.GetElapsedTime(began) + delay > limit)
                {
                    Close(new CloseReason(CloseInitiator.Network, ReplyCode.ConnectionForced, $"CONNECTION_FORCED - connection lost and not recovered within {limit.TotalSeconds:0.###} s"), closeSession: true);
                    return;
                }

                ConnectionLog.RecoveryFailed(_logger, Name, attempt, cause, delay.TotalMilliseconds);
                await Task.Delay(delay, time, _closing.Token).ConfigureAwait(false);
                delay = delay * 2 < Settings.Options.RecoveryMaxDelay ? delay * 2 : Settings.Options.RecoveryMaxDelay;
            }
        }
        catch (Exception) when (_closing.IsCancellationRequested)
        {
            // Closed from this side.
        }
    }

    private async ValueTask<bool> TryRecoverOnceAsync()
    {
        Client.IConnection session = await OpenSessionAsync(Settings, _virtualHost, Name, _closing.Token).ConfigureAwait(false);
        Watch(session);
        bool isInUse = false;
        try
        {
            await DeclareAgainAsync(session).ConfigureAwait(false);
            foreach (RabbitChannel channel in _channels.Values)
            {
                await channel.ResumeAsync(session, _closing.Token).ConfigureAwait(false);
            }

            TaskCompletionSource? waiting;
            lock (_gate)
            {
                if (_closeReason is not null || !session.IsOpen)
                {
                    return false;
                }

                _session = session;
                waiting = _recovered;
                _recovered = null;
                isInUse = true;
            }

            SetBlocked(null); // before the new wire can say that it blocks
            Attach(session);
            waiting?.TrySetResult();
            return true;
        }
        finally
        {
            if (!isInUse)
            {
                foreach (RabbitChannel channel in _channels.Values)
                {
                    channel.Suspend(RabbitMqErrors.OutcomeUnknown(Name, "the connection was lost again"));
                }

                await CloseSessionAsync(session, ReplyCode.Success, "recovery given up").ConfigureAwait(false);
            }
        }
    }

    // A refusal of the topology is final and says so loudly, because going on without a queue would lose messages silently; but one that passes
    // by itself is waited for, as the server's absence is.
    private async ValueTask DeclareAgainAsync(Client.IConnection session)
    {
        try
        {
            await Topology.DeclareAgainAsync(session, DeclareInternalExchangeAsync, _closing.Token).ConfigureAwait(false);
        }
        catch (OperationInterruptedException error) when (session.CloseReason is null && error.ShutdownReason is { Initiator: Client.ShutdownInitiator.Peer } refusal)
        {
            throw RabbitMqErrors.NotDeclaredAgain(refusal, Name);
        }
    }
}
