using System.Collections.Concurrent;
using EmbeddedMq.Consumers;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Threading;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Channels;

/// <summary>A channel: a thin front that checks, hands on to the virtual host and its queues, and closes when AMQP says so.</summary>
/// <remarks>
/// It owns the book of deliveries (<see cref="UnackedDeliveries"/>), its consumers, and its publishing side (<see cref="ChannelPublisher"/>).
/// Closing goes: mark as closed, end the consumers (so that no queue posts any more), end publishing, put back what is unsettled, and only
/// then take the consumers out of their queues, so that nobody has their turn before that.
/// </remarks>
internal sealed partial class Channel : IChannel, IDeliveryLedger
{
    private const int MaxPrefetch = ushort.MaxValue;

    private readonly IChannelOwner _connection;
    private readonly VirtualHost _virtualHost;
    private readonly ChannelPublisher _publisher;
    private readonly UnackedDeliveries _unacked = new();
    private readonly ConcurrentDictionary<string, Consumer> _consumers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Consumer, byte> _retired = new(); // ended ones that may hold something unread
    private readonly TaskCompletionSource<CloseReason> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile CloseReason? _closeReason; // set once, by whoever closes
    private volatile string? _lastDeclaredQueue;
    private volatile ReplyQueue? _replyQueue;
    private volatile int _defaultPrefetch;
    private DeliveryAges? _ages; // of one look at a time; null until one finds something unsettled

    /// <summary>Makes an open channel.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="options">How it publishes.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="virtualHost">The virtual host.</param>
    internal Channel(int number, ChannelOptions options, IChannelOwner connection, VirtualHost virtualHost)
    {
        Number = number;
        _connection = connection;
        _virtualHost = virtualHost;
        _publisher = new ChannelPublisher(this, virtualHost, options);
    }

    /// <inheritdoc/>
    public event EventHandler<MessageReturnedEventArgs>? MessageReturned;

    /// <inheritdoc/>
    public int Number { get; }

    /// <inheritdoc/>
    public IConnection Connection => _connection;

    /// <inheritdoc/>
    public ChannelMode Mode => _publisher.Mode;

    /// <inheritdoc/>
    public bool IsOpen => _closeReason is null;

    /// <inheritdoc/>
    public CloseReason? CloseReason => _closeReason;

    /// <inheritdoc/>
    public Task<CloseReason> Closed => _closed.Task;

    private BrokerLimits Limits => _virtualHost.Services.Limits;

    /// <inheritdoc/>
    public ValueTask CloseAsync(ReplyCode replyCode = ReplyCode.Success, string replyText = "Goodbye", CancellationToken cancellationToken = default)
    {
        Close(new CloseReason(CloseInitiator.Application, replyCode, replyText));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => CloseAsync();

    /// <summary>Closes it for a reason. A second call does nothing.</summary>
    /// <param name="reason">The reason.</param>
    internal void Close(CloseReason reason) => Close([this], reason);

    /// <summary>Closes channels that go together: to a queue that holds messages of several, or to its next consumer, they are one.</summary>
    /// <param name="channels">The channels; those that have closed already are passed over.</param>
    /// <param name="reason">The reason.</param>
    internal static void Close(IEnumerable<Channel> channels, CloseReason reason)
    {
        Channel[] closing = [.. channels.Where(channel => Interlocked.CompareExchange(ref channel._closeReason, reason, null) is null)];
        foreach (Channel channel in closing)
        {
            channel.EndConsumers(reason);
        }

        foreach (Channel channel in closing)
        {
            channel.LeaveAbandonedQueues();
        }

        // All that goes back goes in one settlement: a queue that got it in parts could deliver the younger part first.
        List<Unsettled> unsettled = [];
        foreach (Channel channel in closing)
        {
            channel.TakeUnsettled(unsettled);
        }

        Settler.Settle(unsettled, Settlement.Requeue);
        foreach (Channel channel in closing)
        {
            channel.LetGo(reason);
        }
    }

    /// <summary>Closes what an error says is to be closed: this channel, or its connection.</summary>
    /// <param name="error">The error.</param>
    internal void CloseBecause(EmbeddedMqException error)
    {
        switch (error)
        {
            case ConnectionException connectionError:
                _connection.CloseBecause(connectionError);
                break;
            case ChannelException:
                Close(new CloseReason(CloseInitiator.Broker, error.ReplyCode, error.ReplyText));
                break;
        }
    }

    /// <summary>Throws when the channel has closed.</summary>
    /// <exception cref="ChannelException">With the reason.</exception>
    internal void ThrowIfClosed()
    {
        if (_closeReason is not null)
        {
            throw ClosedError();
        }
    }

    /// <summary>Notes that a publish has to wait.</summary>
    /// <param name="reason">What it has to wait for.</param>
    internal void NoteBlocked(string reason) => _connection.NoteBlocked(reason);

    /// <summary>Whether a publish waits that cannot go on yet.</summary>
    internal bool MustGoOnWaiting => _publisher.MustGoOnWaiting;

    /// <summary>Publishes what has waited for memory, as far as there is memory.</summary>
    internal void ReleaseWaiting() => _publisher.ReleaseWaiting();

    /// <summary>Closes the channel if a delivery has not been settled for too long. One call at a time.</summary>
    /// <param name="nowMs">The time now, in milliseconds of the broker's clock.</param>
    /// <param name="timeout">How long is too long.</param>
    internal void CheckAcknowledgements(long nowMs, TimeSpan timeout)
    {
        ulong oldest = _unacked.OldestTag(out ulong next);
        if (!IsOpen || (oldest == next && _ages is null))
        {
            return;
        }

        if ((_ages ??= new DeliveryAges()).Look(nowMs, oldest, next) >= timeout.TotalMilliseconds)
        {
            BrokerLog.AcknowledgementTimedOut(_virtualHost.Services.Logger, Number, _connection.Name, oldest, timeout);
            CloseBecause(MqErrors.AcknowledgementTimedOut(Number, timeout));
        }
    }

    /// <summary>Tells of a message that no queue took. Called outside all gates, before its publish completes.</summary>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">Its routing key.</param>
    /// <param name="message">The message.</param>
    internal void RaiseReturned(string exchange, string routingKey, Message message)
    {
        if (MessageReturned is { } handlers)
        {
            MessageReturnedEventArgs args = new(ReplyCode.NoRoute, MqErrors.ConstantOf(ReplyCode.NoRoute), exchange, routingKey, message);
            ForeignHandlers.Call(handlers, this, args, ReportHandlerFailure);
        }
    }

    /// <summary>Tells the log what a handler of the channel's events threw.</summary>
    /// <param name="error">What it threw.</param>
    internal void ReportHandlerFailure(Exception error) => BrokerLog.TaskFailed(_virtualHost.Services.Logger, error);

    private void EndConsumers(CloseReason reason)
    {
        Exception? failure = reason.IsNormal ? null : ClosedError();
        foreach (Consumer consumer in _consumers.Values)
        {
            consumer.Host.Suspend(consumer);
            consumer.End(ConsumerEnd.ChannelClosed, failure);
        }
    }

    // A queue that goes with its last consumer goes first: what it held ends with it, and does not die in it.
    private void LeaveAbandonedQueues()
    {
        foreach (Consumer consumer in _consumers.Values)
        {
            if (consumer.Host.IsAbandoned)
            {
                Detach(consumer);
            }
        }
    }

    private void TakeUnsettled(List<Unsettled> unsettled)
    {
        int first = unsettled.Count;
        unsettled.AddRange(_publisher.Close(ClosedError));
        foreach (Consumer consumer in _consumers.Values.Concat(_retired.Keys))
        {
            TakeUnread(consumer, unsettled);
        }

        _retired.Clear();
        unsettled.AddRange(_unacked.Close());

        // In the order of delivery, for those that die of it.
        unsettled.Sort(first, unsettled.Count - first, Unsettled.ByTag);
    }

    private void LetGo(CloseReason reason)
    {
        foreach (Consumer consumer in _consumers.Values)
        {
            Detach(consumer);
        }

        _connection.Forget(this);
        _closed.TrySetResult(reason);
    }

    private ChannelException ClosedError() => MqErrors.ChannelClosed(Number, _connection.Name, _closeReason!);

    /// <summary>Runs a method of the channel; an error of the protocol closes what it says is to be closed, and is the task's.</summary>
    private ValueTask<T> Run<T>(Func<T> method, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T>(cancellationToken);
        }

        try
        {
            ThrowIfClosed();
            long version = _virtualHost.Services.Store.TopologyVersion;
            T result = method();
            return version == _virtualHost.Services.Store.TopologyVersion ? new ValueTask<T>(result) : WhenStoredAsync(result, cancellationToken);
        }
        catch (EmbeddedMqException error)
        {
            CloseBecause(error);
            return ValueTask.FromException<T>(error);
        }
    }

    private ValueTask Run(Action method, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        try
        {
            ThrowIfClosed();
            long version = _virtualHost.Services.Store.TopologyVersion;
            method();
            return version == _virtualHost.Services.Store.TopologyVersion ? ValueTask.CompletedTask : _virtualHost.Services.Store.FlushAsync(cancellationToken);
        }
        catch (EmbeddedMqException error)
        {
            CloseBecause(error);
            return ValueTask.FromException(error);
        }
    }

    // Somebody may have changed names beside this method: then it waits for a commit that it does not need.
    private async ValueTask<T> WhenStoredAsync<T>(T result, CancellationToken cancellationToken)
    {
        await _virtualHost.Services.Store.FlushAsync(cancellationToken).ConfigureAwait(false);
        return result;
    }
}
