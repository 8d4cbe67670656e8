using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>A server that is short of memory: it says <c>connection.blocked</c> and ceases to read from whoever publishes.</summary>
/// <param name="own">A server of their own: the alarm is the whole server's.</param>
public sealed class BlockedTests(OwnRabbitServer own) : IClassFixture<OwnRabbitServer>, IAsyncLifetime
{
    private RabbitServer _server = null!;
    private RabbitMqBroker _broker = null!;
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _server = await own.GetAsync();
        _broker = await RabbitMqBroker.StartAsync(_server.ToOptions(), Token);
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
        Assert.Equal("low on memory", await blocked.Task.WithinPatienceAsync("the server's word that it blocks"));
        Assert.Equal("low on memory", _connection.BlockedReason);
        Assert.All(publishes, static publish => Assert.False(publish.IsCompleted));
        Assert.False(unblocked.Task.IsCompleted);

        await _server.ClearMemoryAlarmAsync();
        Assert.Null(await unblocked.Task.WithinPatienceAsync("the server's word that it does not block any more"));
        Assert.Null(_connection.BlockedReason);
        await Task.WhenAll(publishes).WithinPatienceAsync("the confirms");
        Assert.Equal(20u, (await _channel.DeclareQueuePassiveAsync(queue, Token)).MessageCount);
    }

    [Fact]
    public async Task Publishes_UnderTheAlarm_EndByTheirBoundOrTheirToken()
    {
        string queue = (await _channel.DeclareQueueAsync("", q => q.Exclusive(), Token)).Name;
        await _server.RaiseMemoryAlarmAsync();
        using CancellationTokenSource cancellation = new();
        Task<PublishResult>[] waiting = [.. Enumerable.Range(0, 30).Select(_ => _channel.TryPublishAsync("", queue, Message.Text("waits"), cancellationToken: cancellation.Token).AsTask())];
        PublishResult beyond = await _channel.TryPublishAsync("", queue, Message.Text("beyond"), cancellationToken: Token).AsTask().WithinPatienceAsync("the rejection");
        Assert.Equal(RejectReason.TooManyOutstanding, beyond.RejectReason);
        await cancellation.CancelAsync();
        foreach (Task<PublishResult> publish in waiting)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publish.WithinPatienceAsync("the end of a publish"));
        }

        // Nobody waits for them, and they are under way all the same: the bound counts them until the server has answered.
        Assert.Equal(RejectReason.TooManyOutstanding, (await _channel.TryPublishAsync("", queue, Message.Text("beyond"), cancellationToken: Token)).RejectReason);
        await _server.ClearMemoryAlarmAsync();
        await Patiently.UntilAsync(async () => (await _channel.TryPublishAsync("", queue, Message.Text("after"), cancellationToken: Token)).IsConfirmed, "room for a publish");
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
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publish.WithinPatienceAsync("the end of a publish"));
        }

        Assert.False(first.IsCompleted);
        await _server.ClearMemoryAlarmAsync();
        await first.WithinPatienceAsync("the confirm of the first");
        Assert.True(_connection.IsOpen);
    }

    [Fact]
    public async Task Connection_ClosedUnderTheAlarm_EndsItsPublishesUnconfirmed()
    {
        string queue = (await _channel.DeclareQueueAsync("", q => q.AutoDelete(), Token)).Name;
        await _server.RaiseMemoryAlarmAsync();
        Task<ulong> publish = _channel.PublishAsync("", queue, Message.Text("unknown outcome"), cancellationToken: Token).AsTask();
        await _connection.CloseAsync(cancellationToken: Token).AsTask().WithinPatienceAsync("the end of the connection");
        await Assert.ThrowsAnyAsync<EmbeddedMqException>(() => publish.WithinPatienceAsync("the end of a publish"));
    }

    // The answer that comes too late belongs to the call that gave up, never to the next one.
    [Fact]
    public async Task Call_UnderTheAlarm_FailsInTimeAndTheNextHasItsOwnAnswer()
    {
        RabbitMqOptions options = _server.ToOptions();
        options.RequestTimeout = TimeSpan.FromSeconds(10); // calls that are answered have to be answered within it
        await using RabbitMqBroker broker = await RabbitMqBroker.StartAsync(options, Token);
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync("", q => q.Exclusive(), Token)).Name;
        await _server.RaiseMemoryAlarmAsync();
        Task<ulong> publish = channel.PublishAsync("", queue, Message.Text("blocks the connection"), cancellationToken: Token).AsTask();
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(
            () => channel.DeclareQueueAsync("late", q => q.Exclusive(), Token).AsTask().WithinPatienceAsync("the end of a call without an answer"));
        Assert.Equal((true, "CONNECTION_FORCED - no answer from the server in time"), (error.IsTransient, error.ReplyText));
        await _server.ClearMemoryAlarmAsync();
        Assert.Equal("next", (await channel.DeclareQueueAsync("next", q => q.Exclusive(), Token)).Name);
        await publish.WithinPatienceAsync("the confirm");
        Assert.Equal(1u, (await channel.DeclareQueuePassiveAsync(queue, Token)).MessageCount);
        Assert.True(connection.IsOpen);
    }
}
