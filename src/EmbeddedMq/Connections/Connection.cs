using System.Collections.Concurrent;
using EmbeddedMq.Channels;
using EmbeddedMq.Errors;
using EmbeddedMq.Threading;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Connections;

/// <summary>A connection: it owns channels and exclusive queues, and takes them with it.</summary>
internal sealed class Connection : IChannelOwner
{
    private readonly ConnectionRegistry _registry;
    private readonly VirtualHost _virtualHost;
    private readonly SerialExecutor _notifications; // its own: a handler that takes its time holds back no other connection's
    private readonly Action<Exception> _report;
    private readonly TaskCompletionSource<CloseReason> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<int, Channel> _channels = new();
    private readonly Lock _gate = new();
    private volatile int _channelCount;         // guarded by _gate for writing; the table would take all of its locks to count
    private int _lowestFree = 1;                // no channel number below it is free; guarded by _gate
    private volatile CloseReason? _closeReason; // set once
    private volatile string? _blockedReason;    // guarded by _gate for writing
    private volatile int _blockedNotes;         // how often it was noted; guarded by _gate for writing

    /// <summary>Makes an open connection.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="options">What it was opened with.</param>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="registry">Where it is listed.</param>
    /// <param name="report">Takes what a handler of its events threw.</param>
    internal Connection(string name, ConnectionOptions options, VirtualHost virtualHost, ConnectionRegistry registry, Action<Exception> report)
    {
        Name = name;
        UserName = options.UserName;
        _virtualHost = virtualHost;
        _registry = registry;
        _report = report;
        _notifications = new SerialExecutor(report);
    }

    /// <inheritdoc/>
    public event EventHandler<ConnectionBlockedEventArgs>? BlockedChanged;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string VirtualHost => _virtualHost.Name;

    /// <inheritdoc/>
    public string UserName { get; }

    /// <inheritdoc/>
    public bool IsOpen => _closeReason is null;

    /// <inheritdoc/>
    public CloseReason? CloseReason => _closeReason;

    /// <inheritdoc/>
    public Task<CloseReason> Closed => _closed.Task;

    /// <inheritdoc/>
    public string? BlockedReason => _blockedReason;

    /// <inheritdoc/>
    public IReadOnlyCollection<IChannel> Channels => [.. _channels.Values.OrderBy(static channel => channel.Number)];

    /// <summary>How many channels are open.</summary>
    internal int ChannelCount => _channelCount;

    /// <inheritdoc/>
    public ValueTask<IChannel> OpenChannelAsync(ChannelOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ChannelOptions();
        if (options.MaxOutstandingPublishes is < 1 or > 16_777_216)
        {
            throw MqErrors.OptionOutOfRange(nameof(ChannelOptions.MaxOutstandingPublishes), options.MaxOutstandingPublishes, "1 to 16,777,216");
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<IChannel>(cancellationToken);
        }

        try
        {
            return new ValueTask<IChannel>(OpenChannel(options));
        }
        catch (ConnectionException error)
        {
            CloseBecause(error);
            return ValueTask.FromException<IChannel>(error);
        }
    }

    /// <inheritdoc/>
    public ValueTask CloseAsync(ReplyCode replyCode = ReplyCode.Success, string replyText = "Goodbye", CancellationToken cancellationToken = default)
    {
        Close(new CloseReason(CloseInitiator.Application, replyCode, replyText));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => CloseAsync();

    /// <inheritdoc/>
    public void CloseBecause(ConnectionException error) => Close(new CloseReason(CloseInitiator.Broker, error.ReplyCode, error.ReplyText));

    /// <inheritdoc/>
    public void Forget(Channel channel)
    {
        lock (_gate)
        {
            if (_channels.TryRemove(KeyValuePair.Create(channel.Number, channel)))
            {
                _channelCount--;
                _lowestFree = Math.Min(_lowestFree, channel.Number);
            }
        }
    }

    /// <inheritdoc/>
    public void NoteBlocked(string reason)
    {
        lock (_gate)
        {
            _blockedNotes++;
            SetBlocked_NeedsGate(reason);
        }
    }

    /// <summary>Closes the connection with all that it owns. A second call does nothing.</summary>
    /// <param name="reason">Why.</param>
    internal void Close(CloseReason reason)
    {
        lock (_gate)
        {
            if (_closeReason is not null)
            {
                return;
            }

            _closeReason = reason; // under the gate, so that no channel is opened past it
        }

        Channel.Close(_channels.Values, reason);
        _virtualHost.DeleteExclusiveQueues(this);
        _registry.Forget(this);
        _closed.TrySetResult(reason);
    }

    /// <summary>Lets go on what has waited for memory or for the disk, as far as there is room.</summary>
    internal void Unblock()
    {
        // Told before the release, for those who look when their publish has gone on; and again after it, because a publish that had seen the
        // watermark exceeded before may have noted that in between, under its channel's gate.
        NoteUnblocked();
        foreach (Channel channel in _channels.Values)
        {
            channel.ReleaseWaiting();
        }

        NoteUnblocked();
    }

    /// <summary>Closes those channels that have not settled a delivery for too long. One call at a time.</summary>
    /// <param name="nowMs">The time now, in milliseconds of the broker's clock.</param>
    /// <param name="timeout">How long is too long.</param>
    internal void CheckAcknowledgements(long nowMs, TimeSpan timeout)
    {
        foreach (Channel channel in _channels.Values)
        {
            channel.CheckAcknowledgements(nowMs, timeout);
        }
    }

    /// <summary>What a listing shows.</summary>
    internal ConnectionDescription Describe() => new(Name, VirtualHost, UserName, ChannelCount, BlockedReason);

    private Channel OpenChannel(ChannelOptions options)
    {
        lock (_gate)
        {
            if (_closeReason is { } reason)
            {
                throw MqErrors.ConnectionClosed(Name, reason);
            }

            int max = _virtualHost.Services.Limits.MaxChannelsPerConnection;
            if (_channelCount >= max)
            {
                throw MqErrors.TooManyChannels(_channelCount, max);
            }

            while (_channels.ContainsKey(_lowestFree))
            {
                _lowestFree++;
            }

            Channel channel = new(_lowestFree, options, this, _virtualHost);
            _channels[_lowestFree++] = channel;
            _channelCount++;
            return channel;
        }
    }

    // Where some publish must wait all the same, for something else or once more, the state stays as it is: what it waits for comes back here. So
    // does what those wait for who note it beside this, after their channel was looked at.
    private void NoteUnblocked()
    {
        int notes = _blockedNotes;
        if (_blockedReason is null || _channels.Values.Any(static channel => channel.MustGoOnWaiting))
        {
            return;
        }

        lock (_gate)
        {
            if (notes == _blockedNotes)
            {
                SetBlocked_NeedsGate(null);
            }
        }
    }

    private void SetBlocked_NeedsGate(string? reason)
    {
        if (reason == _blockedReason)
        {
            return;
        }

        _blockedReason = reason;
        _notifications.Post(() => ForeignHandlers.Call(BlockedChanged, this, new ConnectionBlockedEventArgs(reason), _report));
    }
}
