using System.Collections.Concurrent;
using EmbeddedMq.RabbitMq.Connections;
using EmbeddedMq.RabbitMq.Consumers;
using EmbeddedMq.RabbitMq.Errors;
using EmbeddedMq.Threading;
using RabbitMQ.Client.Events;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Channels;

/// <summary>A channel on a server. It outlives its wire channel: after a loss it has a new one, under the same number, with its consumers.</summary>
/// <remarks>
/// <para>What is bound to the wire is in <see cref="ChannelLink"/>; the channel itself holds what lasts: its mode, prefetch and consumers, and the
/// counts that must not begin anew (publish numbers, delivery tags).</para>
/// <para>Thread-safe. <c>_callLock</c> lets one call after another onto the wire, in the order in which they were made: the client would send a
/// publish ahead of a declaration that waits for the answer to the one before.</para>
/// </remarks>
internal sealed partial class RabbitChannel : IChannel
{
    private readonly RabbitConnection _connection;
    private readonly ChannelOptions _options;
    private readonly SerialExecutor _events;
    private readonly SemaphoreSlim _callLock = new(1, 1); // first come, first served
    private readonly SemaphoreSlim _resumeLock = new(1, 1);
    private readonly ConcurrentDictionary<string, RabbitConsumer> _consumers = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource<CloseReason> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile CloseReason? _closeReason; // set once
    private volatile ChannelLink? _link;        // null while the connection is lost; written under _resumeLock or by Suspend
    private volatile ChannelMode _mode;
    private ulong _tagOffset;                   // written by Suspend, read under _resumeLock

    /// <summary>Makes a channel without a wire; <see cref="ResumeAsync"/> gives it one.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="options">How it publishes.</param>
    /// <param name="connection">Its connection.</param>
    internal RabbitChannel(int number, ChannelOptions options, RabbitConnection connection)
    {
        Number = number;
        _options = options;
        _connection = connection;
        _mode = options.Mode;
        _events = new SerialExecutor(connection.ReportHandlerFailure);
    }

    /// <inheritdoc/>
    public event EventHandler<MessageReturnedEventArgs>? MessageReturned;

    /// <inheritdoc/>
    public int Number { get; }

    /// <inheritdoc/>
    public IConnection Connection => _connection;

    /// <inheritdoc/>
    public ChannelMode Mode => _mode;

    /// <inheritdoc/>
    public bool IsOpen => _closeReason is null;

    /// <inheritdoc/>
    public CloseReason? CloseReason => _closeReason;

    /// <inheritdoc/>
    public Task<CloseReason> Closed => _closed.Task;

    /// <summary>The consumers that run or wait for the connection to be recovered.</summary>
    internal IEnumerable<RabbitConsumer> Consumers => _consumers.Values;

    /// <inheritdoc/>
    public async ValueTask CloseAsync(ReplyCode replyCode = ReplyCode.Success, string replyText = "Goodbye", CancellationToken cancellationToken = default)
    {
        ChannelLink? link = _link;
        if (!TryClose(new CloseReason(CloseInitiator.Application, replyCode, replyText)) || link is null)
        {
            return;
        }

        await CloseWireAsync(link.Wire, replyCode, replyText).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => CloseAsync();

    /// <summary>Gives the channel a wire on a session, with its mode, its prefetch and its consumers.</summary>
    /// <param name="session">The session.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    internal async ValueTask ResumeAsync(Client.IConnection session, CancellationToken cancellationToken)
    {
        await _resumeLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_closeReason is not null || (_link is { IsDead: false } current && current.Session == session))
            {
                return;
            }

            ChannelLink link = await OpenLinkAsync(session, cancellationToken).ConfigureAwait(false);
            try
            {
                foreach (RabbitConsumer consumer in _consumers.Values)
                {
                    await RestartConsumerAsync(consumer, link, cancellationToken).ConfigureAwait(false);
                }

                if (_channelPrefetch > 0)
                {
                    await link.Wire.BasicQosAsync(0, (ushort)_channelPrefetch, global: true, cancellationToken).ConfigureAwait(false);
                }
            }
            catch
            {
                link.Kill();
                throw;
            }

            _link = link;
            if (_closeReason is { } reason)
            {
                await CloseWireAsync(link.Wire, reason.ReplyCode, reason.ReplyText).ConfigureAwait(false);
            }
        }
        finally
        {
            _resumeLock.Release();
        }
    }

    /// <summary>The wire was lost; a new one will come. Publishes without an answer fail as of unknown outcome.</summary>
    /// <param name="error">What they fail with.</param>
    internal void Suspend(Exception error)
    {
        if (Interlocked.Exchange(ref _link, null) is not { } link)
        {
            return;
        }

        link.Kill();
        _tagOffset = link.TagOffset + link.Book.Close();
        _lostTransaction |= link.HoldsTransaction;
        link.Confirms?.FailAll(error);
    }

    /// <summary>Closes the channel on this side. A second call does nothing.</summary>
    /// <param name="reason">Why.</param>
    /// <returns>Whether this call closed it.</returns>
    internal bool TryClose(CloseReason reason)
    {
        if (Interlocked.CompareExchange(ref _closeReason, reason, null) is not null)
        {
            return false;
        }

        ChannelLink? link = Interlocked.Exchange(ref _link, null);
        link?.Kill();
        foreach (RabbitConsumer consumer in _consumers.Values)
        {
            consumer.End(ConsumerEnd.ChannelClosed, reason.IsNormal ? null : ClosedError());
        }

        _consumers.Clear();
        link?.Confirms?.FailAll(ClosedError());
        _connection.Forget(this);
        _closed.TrySetResult(reason);
        return true;
    }

    /// <summary>The error of a call on this channel after it closed.</summary>
    internal EmbeddedMqException ClosedError()
        => _connection.CloseReason is { } connectionReason && !connectionReason.IsNormal
            ? RabbitMqErrors.ConnectionClosed(connectionReason, _connection.Name)
            : RabbitMqErrors.ChannelClosed(_closeReason!, Number, _connection.Name);

    /// <summary>The wire to use now, waiting for the recovery of the connection for as long as the options allow.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="EmbeddedMqException">The channel is closed, or the outage lasts too long.</exception>
    internal async ValueTask<ChannelLink> GetLinkAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            ChannelLink? link = _link;
            if (_closeReason is not null)
            {
                throw ClosedError();
            }

            if (link is { IsDead: false })
            {
                return link;
            }

            await _connection.WaitForRecoveryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What an error of the client means for the caller; closes what it says is closed.</summary>
    /// <param name="error">The error.</param>
    /// <param name="link">The wire that it came from.</param>
    internal Exception Translate(Exception error, ChannelLink link)
    {
        if (link.Session.CloseReason is { } lost)
        {
            _connection.NoteShutdown(link.Session, lost);
            return _connection.CloseReason is { } closed
                ? RabbitMqErrors.ConnectionClosed(closed, _connection.Name)
                : RabbitMqErrors.OutcomeUnknown(_connection.Name, lost.ReplyText);
        }

        if (link.Wire.CloseReason is { } reason)
        {
            NoteWireClosed(link, reason);
        }

        return _closeReason is not null ? ClosedError()
            : error is TimeoutException or OperationCanceledException ? RabbitMqErrors.NoAnswer(_connection.Name, error)
            : error;
    }

    /// <summary>Calls the server and waits for its answer.</summary>
    /// <typeparam name="T">What it answers.</typeparam>
    /// <param name="call">The call.</param>
    /// <param name="cancellationToken">Stops the waiting; the call goes on, because its answer would be taken for that of the next one.</param>
    private async ValueTask<T> CallAsync<T>(Func<ChannelLink, Task<T>> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return await CallInTurnAsync(call, CancellationToken.None).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    // The token ends only what comes before the call.
    private async Task<T> CallInTurnAsync<T>(Func<ChannelLink, Task<T>> call, CancellationToken cancellationToken)
    {
        await _callLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ChannelLink link = await GetLinkAsync(cancellationToken).ConfigureAwait(false); // bounded by the options
            return await CallOnAsync(link, call).ConfigureAwait(false);
        }
        finally
        {
            _callLock.Release();
        }
    }

    private async ValueTask CallAsync(Func<ChannelLink, Task> call, CancellationToken cancellationToken)
        => await CallAsync(
            async link =>
            {
                await call(link).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);

    private async Task<T> CallOnAsync<T>(ChannelLink link, Func<ChannelLink, Task<T>> call)
    {
        try
        {
            return await call(link).ConfigureAwait(false);
        }
        catch (Exception error) when (WireFailure.Is(error))
        {
            throw Translate(error, link);
        }
    }

    private async ValueTask<ChannelLink> OpenLinkAsync(Client.IConnection session, CancellationToken cancellationToken)
    {
        bool confirms = _mode == ChannelMode.Confirm;
        Client.CreateChannelOptions options = new(publisherConfirmationsEnabled: confirms, publisherConfirmationTrackingEnabled: false);
        Client.IChannel wire = await session.CreateChannelAsync(options, cancellationToken).ConfigureAwait(false);
        ChannelLink link = new(session, wire, Volatile.Read(ref _tagOffset), confirms ? new ConfirmTracker(_events) : null);
        wire.BasicAcksAsync += (_, ack) => OnAnswered(link, ack.DeliveryTag, ack.Multiple, isAck: true);
        wire.BasicNacksAsync += (_, nack) => OnAnswered(link, nack.DeliveryTag, nack.Multiple, isAck: false);
        wire.BasicReturnAsync += (_, returned) => OnReturned(link, returned);
        wire.ChannelShutdownAsync += (_, reason) => OnWireShutdown(link, reason);
        if (_mode == ChannelMode.Transactional)
        {
            await wire.TxSelectAsync(cancellationToken).ConfigureAwait(false);
        }

        return link;
    }

    private Task OnWireShutdown(ChannelLink link, ShutdownEventArgs reason)
    {
        // A loss of the whole connection is the connection's to handle, once for all channels.
        if (link.Session.CloseReason is null)
        {
            NoteWireClosed(link, reason);
        }

        return Task.CompletedTask;
    }

    private void NoteWireClosed(ChannelLink link, ShutdownEventArgs reason)
    {
        if (!link.IsDead)
        {
            TryClose(new CloseReason(CloseInitiator.Broker, (ReplyCode)reason.ReplyCode, reason.ReplyText));
        }
    }

    // What is closed already, or cannot be reached, needs no closing: the server puts everything back by itself.
    private static async Task CloseWireAsync(Client.IChannel wire, ReplyCode replyCode, string replyText)
    {
        try
        {
            await wire.CloseAsync((ushort)replyCode, replyText, abort: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (WireFailure.Is(error))
        {
        }
    }
}
