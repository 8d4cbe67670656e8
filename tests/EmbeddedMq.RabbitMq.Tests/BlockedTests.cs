using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>A server that is short of memory: it says <c>connection.blocked</c> and ceases to read from whoever publishes.</summary>
/// <param name="own">A server of their own: the alarm is the whole server's.</param>
public sealed class BlockedTests(OwnRabbitServer own) : IClassFixture<OwnRabbitServer>, IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private RabbitServer _server = null!;
    private RabbitMqBroker _broker = null!;
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _server = await own.GetAsync();
        _broker = await RabbitMqBroker.StartAsync(new RabbitMqOptions { Uri = _server.Uri, RequestTimeout = TimeSpan.FromSeconds(2) }, Token);
        _connection = await _broker.ConnectAsync(cancellationToken: Token);
        _channel = await _connection.OpenChannelAsync(new ChannelOptions { MaxOutstandingPublishes = 30 }, Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _server.ClearMemoryAlarmAsync();
            await _broker.DisposeAsync();
        }
    }

    [Fact]
    public async Task Publishes_UnderTheAlarm_WaitAndAreConfirmedAfterIt()
    {
        string queue = (await _channel.DeclareQueueAsync("", q => q.Exclusive(), Token)).Name;
        TaskCompletionSource<string?> blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<string?> unblocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _connection.BlockedChanged += (_, e) => (e.IsBlocked ? blocked : unblocked).TrySetResult(e.Reason);
        await _server.RaiseMemoryAlarmAsync();
        Task<ulong>[] publishes = [.. Enumerable.Range(0, 20).Select(i => _channel.PublishAsync("", queue, Message.Text($"{i}"), cancellationToken: Token).AsTask())];
        Assert.Equal("low on memory", await blocked.Task.WaitAsync(Patience, Token));
        Assert.Equal("low on memory", _connection.BlockedReason);
        Assert.All(publishes, static publish => Assert.False(publish.IsCompleted));
        Assert.False(unblocked.Task.IsCompleted);

        await _server.ClearMemoryAlarmAsync();
        Assert.Null(await unblocked.Task.WaitAsync(Patience, Token));
        Assert.Null(_connection.BlockedReason);
        await Task.WhenAll(publishes).WaitAsync(Patience, Token);
        Assert.Equal(20u, (await _channel.DeclareQueuePassiveAsync(queue, Token)).MessageCount);
    }

    [Fact]
    public async Task Publishes_UnderTheAlarm_EndByTheirBoundOrTheirToken()
    {
        string queue = (await _channel.DeclareQueueAsync("", q => q.Exclusive(), Token)).Name;
        await _server.RaiseMemoryAlarmAsync();
        using CancellationTokenSource cancellation = new();
        Task<PublishResult>[] waiting = [.. Enumerable.Range(0, 30).Select(_ => _channel.TryPublishAsync("", queue, Message.Text("waits"), cancellationToken: cancellation.Token).AsTask())];
        PublishResult beyond = await _channel.TryPublishAsync("", queue, Message.Text("beyond"), cancellationToken: Token).AsTask().WaitAsync(Patience, Token);
        Assert.Equal(RejectReason.TooManyOutstanding, beyond.RejectReason);
        await cancellation.CancelAsync();
        foreach (Task<PublishResult> publish in waiting)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publish.WaitAsync(Patience, Token));
        }

        // Nobody waits for them, and they are under way all the same: the bound counts them until the server has answered.
        Assert.Equal(RejectReason.TooManyOutstanding, (await _channel.TryPublishAsync("", queue, Message.Text("beyond"), cancellationToken: Token)).RejectReason);
        await _server.ClearMemoryAlarmAsync();
        while (!(await _channel.TryPublishAsync("", queue, Message.Text("after"), cancellationToken: Token)).IsConfirmed)
        {
            await Task.Yield();
        }
    }

    // More than the sockets' buffers hold, so that a write waits for the server to read on.
    [Fact]
    public async Task LargePublishes_UnderTheAlarm_CanBeCancelledWhileTheyAreWritten()
    {
        string queue = (await _channel.DeclareQueueAsync("", q => q.Exclusive(), Token)).Name;
        await _server.RaiseMemoryAlarmAsync();
        Message large = new(new byte[10 * 1024 * 1024]);
        using CancellationTokenSource cancellation = new();
        Task<ulong> first = _channel.PublishAsync("", queue, large, cancellationToken: Token).AsTask();
        Task<ulong>[] cancelled = [.. Enumerable.Range(0, 5).Select(_ => _channel.PublishAsync("", queue, large, cancellationToken: cancellation.Token).AsTask())];
        await cancellation.CancelAsync();
        foreach (Task<ulong> publish in cancelled)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publish.WaitAsync(Patience, Token));
        }

        Assert.False(first.IsCompleted);
        await _server.ClearMemoryAlarmAsync();
        await first.WaitAsync(Patience, Token);
        Assert.True(_connection.IsOpen);
    }

    [Fact]
    public async Task Connection_ClosedUnderTheAlarm_EndsItsPublishesUnconfirmed()
    {
        string queue = (await _channel.DeclareQueueAsync("", q => q.AutoDelete(), Token)).Name;
        await _server.RaiseMemoryAlarmAsync();
        Task<ulong> publish = _channel.PublishAsync("", queue, Message.Text("unknown outcome"), cancellationToken: Token).AsTask();
        await _connection.CloseAsync(cancellationToken: Token).AsTask().WaitAsync(Patience, Token);
        await Assert.ThrowsAnyAsync<EmbeddedMqException>(() => publish.WaitAsync(Patience, Token));
    }

    // The answer that comes too late belongs to the call that gave up, never to the next one.
    [Fact]
    public async Task Call_UnderTheAlarm_FailsInTimeAndTheNextHasItsOwnAnswer()
    {
        string queue = (await _channel.DeclareQueueAsync("", q => q.Exclusive(), Token)).Name;
        await _server.RaiseMemoryAlarmAsync();
        Task<ulong> publish = _channel.PublishAsync("", queue, Message.Text("blocks the connection"), cancellationToken: Token).AsTask();
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(
            () => _channel.DeclareQueueAsync("late", q => q.Exclusive(), Token).AsTask().WaitAsync(Patience, Token));
        Assert.Equal((true, "CONNECTION_FORCED - no answer from the server in time"), (error.IsTransient, error.ReplyText));
        await _server.ClearMemoryAlarmAsync();
        Assert.Equal("next", (await _channel.DeclareQueueAsync("next", q => q.Exclusive(), Token)).Name);
        await publish.WaitAsync(Patience, Token);
        Assert.Equal(1u, (await _channel.DeclareQueuePassiveAsync(queue, Token)).MessageCount);
        Assert.True(_connection.IsOpen);
    }
}
