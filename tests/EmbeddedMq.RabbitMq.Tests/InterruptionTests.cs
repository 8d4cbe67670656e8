using System.Globalization;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Connections that are lost, and answers that do not come, in the middle of a call. A proxy decides which answer it is.</summary>
public sealed class InterruptionTests : IAsyncLifetime
{
    private static int _names;
    private RabbitServer _server = null!;
    private CuttingProxy _proxy = null!;
    private RabbitMqBroker _broker = null!;
    private RabbitMqBroker _direct = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _server = await SharedRabbitServer.GetAsync();
        _proxy = new CuttingProxy(_server.Port);
        _direct = await RabbitMqBroker.StartAsync(_server.ToOptions(), Token);
        _broker = await StartThroughProxyAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        if (_direct is not null)
        {
            await _direct.DisposeAsync();
        }

        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }
    }

    // The connection is lost while the commit waits behind another call: on the wire that comes after it there is nothing to commit.
    [Fact]
    public async Task Commit_LostWhileItWaitsItsTurn_FailsInsteadOfCommittingNothing()
    {
        (IConnection connection, CuttingProxy.Pair wire) = await ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional }, Token);
        string queue = (await channel.DeclareQueueAsync(UniqueName(), static q => q.AutoDelete(), Token)).Name;
        await channel.PublishAsync("", queue, Message.Text("held"), cancellationToken: Token);
        CuttingProxy.HeldFrame declared = _proxy.HoldNext(50, 11);
        Task<QueueDeclared> before = channel.DeclareQueuePassiveAsync(queue, Token).AsTask();
        await declared.Came.WithinPatienceAsync("the answer to the call before");
        Task commit = channel.CommitTransactionAsync(Token).AsTask();

        wire.Client.Dispose();

        await Assert.ThrowsAsync<ConnectionException>(() => before.WithinPatienceAsync("the end of the call before"));
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => commit.WithinPatienceAsync("the end of the commit"));
        Assert.Equal((true, "CONNECTION_FORCED - transaction lost with the connection"), (error.IsTransient, error.ReplyText));
    }

    [Fact]
    public async Task Transaction_LostInTheMiddle_MadeAgain_TakesEffectOnce()
    {
        (IConnection connection, CuttingProxy.Pair wire) = await ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional }, Token);
        string queue = (await channel.DeclareQueueAsync(UniqueName(), static q => q.AutoDelete(), Token)).Name;
        await channel.PublishAsync("", queue, Message.Text("first"), cancellationToken: Token);
        await LoseAsync(connection, wire);
        await channel.PublishAsync("", queue, Message.Text("second"), cancellationToken: Token);
        await Assert.ThrowsAsync<ConnectionException>(async () => await channel.CommitTransactionAsync(Token));

        await channel.PublishAsync("", queue, Message.Text("first"), cancellationToken: Token);
        await channel.PublishAsync("", queue, Message.Text("second"), cancellationToken: Token);
        await channel.CommitTransactionAsync(Token);

        Assert.Equal(2u, (await channel.DeclareQueuePassiveAsync(queue, Token)).MessageCount);
    }

    [Fact]
    public async Task SelectTransaction_CancelledBeforeTheAnswer_ChannelIsTransactionalAllTheSame()
    {
        (IConnection connection, _) = await ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Plain }, Token);
        CuttingProxy.HeldFrame selected = _proxy.HoldNext(90, 11);
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task select = channel.SelectTransactionAsync(cancel.Token).AsTask();
        await selected.Came.WithinPatienceAsync("the answer");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => select);
        selected.Release();

        await channel.CommitTransactionAsync(Token);

        Assert.Equal(ChannelMode.Transactional, channel.Mode);
    }

    [Fact]
    public async Task Recovery_AttemptWithoutAnAnswer_IsFollowedByAnother()
    {
        await using RabbitMqBroker broker = await StartThroughProxyAsync(static options => options.RequestTimeout = TimeSpan.FromSeconds(5));
        (IConnection connection, CuttingProxy.Pair wire) = await ConnectAsync(broker);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync(UniqueName(), static q => q.AutoDelete(), Token)).Name;
        CuttingProxy.HeldFrame opened = _proxy.HoldNext(20, 11);
        wire.Client.Dispose();
        await opened.Came.WithinPatienceAsync("the attempt that gets no answer");

        // It fails as of unknown outcome if it was made before the loss was noticed.
        await Patiently.UntilAsync(
            async () =>
            {
                try
                {
                    await channel.PublishAsync("", queue, Message.Text("after"), PublishFlags.Mandatory, Token);
                    return true;
                }
                catch (ConnectionException error) when (error.ReplyText.EndsWith("before the server answered", StringComparison.Ordinal))
                {
                    return false;
                }
            },
            "a publish after the recovery");
    }

    [Fact]
    public async Task Get_CancelledWhileAnotherCallHasTheWire_EndsAndTakesNothing()
    {
        await using RabbitMqBroker broker = await StartThroughProxyAsync();
        (IConnection connection, _) = await ConnectAsync(broker);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync("", static q => q.Exclusive(), Token)).Name;
        await channel.PublishAsync("", queue, Message.Text("stays"), PublishFlags.Mandatory, Token);
        CuttingProxy.HeldFrame declared = _proxy.HoldNext(50, 11);
        Task<QueueDeclared> declare = channel.DeclareQueuePassiveAsync(queue, Token).AsTask();
        await declared.Came.WithinPatienceAsync("the answer to the declaration");
        using CancellationTokenSource giveUp = new();

        Task<GetResult?> get = channel.GetAsync(queue, cancellationToken: giveUp.Token).AsTask();
        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => get.WithinPatienceAsync("the end of the get"));
        declared.Release();
        await declare;
        Assert.Equal("stays", (await channel.GetAsync(queue, cancellationToken: Token))?.Delivery.Message.GetText());
    }

    [Fact]
    public async Task Connect_WithoutAnAnswer_FailsAsUnreachable()
    {
        await using RabbitMqBroker broker = await StartThroughProxyAsync(static options => options.RequestTimeout = TimeSpan.FromSeconds(2));
        _proxy.HoldNext(20, 11);
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => broker.ConnectAsync(cancellationToken: Token).AsTask().WithinPatienceAsync("the end of the attempt"));
        Assert.Equal((true, "CONNECTION_FORCED - no server could be reached"), (error.IsTransient, error.ReplyText));
        Assert.DoesNotMatch("[^.] Start the server", error.Message);
    }

    [Fact]
    public async Task OpenChannel_WithoutAnAnswer_SaysSo()
    {
        await using RabbitMqBroker broker = await StartThroughProxyAsync(static options => options.RequestTimeout = TimeSpan.FromSeconds(2));
        (IConnection connection, _) = await ConnectAsync(broker);
        CuttingProxy.HeldFrame opened = _proxy.HoldNext(20, 11);
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(
            () => connection.OpenChannelAsync(cancellationToken: Token).AsTask().WithinPatienceAsync("the end of the call"));
        Assert.Equal((true, "CONNECTION_FORCED - no answer from the server in time"), (error.IsTransient, error.ReplyText));
        opened.Release();
    }

    [Fact]
    public async Task CancelConsumer_WithoutAnAnswer_EndsItsReader()
    {
        await using RabbitMqBroker broker = await StartThroughProxyAsync(static options => options.RequestTimeout = TimeSpan.FromSeconds(2));
        (IConnection connection, _) = await ConnectAsync(broker);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync(UniqueName(), static q => q.AutoDelete(), Token)).Name;
        IConsumer consumer = await channel.StartConsumerAsync(queue, cancellationToken: Token);
        CuttingProxy.HeldFrame cancelled = _proxy.HoldNext(60, 31);
        await consumer.CancelAsync(Token).AsTask().WithinPatienceAsync("the end of the call");
        Assert.Equal(ConsumerEnd.Cancelled, await consumer.Ended.WithinPatienceAsync("the end of the consumer"));
        cancelled.Release();
    }

    [Fact]
    public async Task SelectConfirm_WithoutAnAnswer_ClosesTheChannel()
    {
        await using RabbitMqBroker broker = await StartThroughProxyAsync(static options => options.RequestTimeout = TimeSpan.FromSeconds(2));
        (IConnection connection, _) = await ConnectAsync(broker);
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Plain }, Token);
        CuttingProxy.HeldFrame opened = _proxy.HoldNext(20, 11);
        await Assert.ThrowsAsync<ConnectionException>(() => channel.SelectConfirmAsync(Token).AsTask().WithinPatienceAsync("the end of the call"));
        opened.Release();
        Assert.Equal(CloseInitiator.Network, (await channel.Closed.WithinPatienceAsync("the end of the channel")).Initiator);
        await Assert.ThrowsAsync<ChannelException>(
            () => Task.Run(() => channel.PublishAsync("", "q", Message.Text("x"), cancellationToken: Token).AsTask()).WithinPatienceAsync("the end of a publish"));
    }

    // Its old wire is gone, and on the new one it is about to be started again.
    [Fact]
    public async Task Consumer_CancelledWhileItIsStartedAgain_DoesNotRunOnTheServer()
    {
        (IConnection connection, CuttingProxy.Pair wire) = await ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await using IConnection other = await _direct.ConnectAsync(cancellationToken: Token);
        IChannel observer = await other.OpenChannelAsync(cancellationToken: Token);
        string queue = (await observer.DeclareQueueAsync(UniqueName(), cancellationToken: Token)).Name;
        IConsumer consumer = await channel.StartConsumerAsync(queue, cancellationToken: Token);
        CuttingProxy.HeldFrame found = _proxy.HoldNext(50, 11);
        wire.Client.Dispose();
        await found.Came.WithinPatienceAsync("the look whether the queue is there");

        Task cancelled = consumer.CancelAsync(Token).AsTask();
        found.Release();
        await cancelled.WithinPatienceAsync("the end of the consumer");

        wire.Server.Dispose();
        await channel.DeclareQueuePassiveAsync(queue, Token); // waits for the recovery
        await Patiently.UntilAsync(async () => (await observer.DeclareQueuePassiveAsync(queue, Token)).ConsumerCount == 0, "the server's word that nobody consumes");
        await observer.PublishAsync("", queue, Message.Text("for others"), cancellationToken: Token);
        Assert.NotNull(await observer.GetAsync(queue, autoAck: true, Token));
        await observer.DeleteQueueAsync(queue, cancellationToken: Token);
    }

    [Fact]
    public async Task StartConsumer_CancelledBeforeTheAnswer_DoesNotRunOnTheServer()
    {
        (IConnection connection, _) = await ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await using IConnection other = await _direct.ConnectAsync(cancellationToken: Token);
        IChannel observer = await other.OpenChannelAsync(cancellationToken: Token);
        string queue = (await observer.DeclareQueueAsync(UniqueName(), cancellationToken: Token)).Name;
        await observer.PublishAsync("", queue, Message.Text("for others"), cancellationToken: Token);
        CuttingProxy.HeldFrame started = _proxy.HoldNext(60, 21);
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<IConsumer> start = channel.StartConsumerAsync(queue, cancellationToken: cancel.Token).AsTask();
        await started.Came.WithinPatienceAsync("the answer");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => start);

        started.Release();

        await Patiently.UntilAsync(async () => await observer.GetAsync(queue, autoAck: true, Token) is not null, "the message, given back");
        Assert.Equal(0u, (await observer.DeclareQueuePassiveAsync(queue, Token)).ConsumerCount);
        await observer.DeleteQueueAsync(queue, cancellationToken: Token);
    }

    [Fact]
    public async Task QueueNamedByTheServer_OnlyTheConnectionIsLost_KeepsItsMessages()
    {
        (IConnection connection, CuttingProxy.Pair wire) = await ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync("", cancellationToken: Token)).Name;
        await channel.PublishAsync("", queue, Message.Text("confirmed"), PublishFlags.Mandatory, Token);
        await LoseAsync(connection, wire);
        Assert.Equal("confirmed", (await channel.GetAsync(queue, autoAck: true, Token))?.Delivery.Message.GetText());
        await channel.DeleteQueueAsync(queue, cancellationToken: Token);
    }

    // The client's queue of frames is full when the socket goes: those who wait for room hear of it as everybody else does, on the first wire as on
    // one that came with a recovery.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Publishes_LostWhileTheyWaitToBeWritten_FailAsOfUnknownOutcomeOrAreSentLater(bool isRecovered)
    {
        (IConnection connection, CuttingProxy.Pair wire) = await ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync(UniqueName(), static q => q.Exclusive(), Token)).Name;
        if (isRecovered)
        {
            await LoseAsync(connection, wire);
            wire = await _proxy.NextAsync(Token).AsTask().WithinPatienceAsync("the connection of the recovery");
        }

        wire.StopReading();
        Message message = new(new byte[128 * 1024]);
        Task<ulong>[] publishes = [.. Enumerable.Range(0, 400).Select(_ => channel.PublishAsync("", queue, message, cancellationToken: Token).AsTask())];

        wire.Client.Dispose();
        wire.Server.Dispose();

        foreach (Task<ulong> publish in publishes)
        {
            await ((Task)publish).ContinueWith(static _ => { }, TaskScheduler.Default).WithinPatienceAsync("the end of a publish");
        }

        Assert.All(publishes, static publish => Assert.True(
            publish.IsCompletedSuccessfully || publish.Exception!.InnerException is ConnectionException { IsTransient: true },
            publish.Exception?.InnerException?.ToString()));
    }

    // What its queues still hold is asked once the consumers have stopped; a server that is gone for long does not keep the application from ending.
    [Fact]
    public async Task StopBus_ServerIsGone_DoesNotWaitForIt()
    {
        await using RabbitMqBroker broker = await StartThroughProxyAsync(static options => options.OutageTimeout = TimeSpan.FromHours(1));
        string queue = UniqueName();
        MessageBus bus = await MessageBus.StartAsync(
            broker,
            mq => mq
                .Topology(t => t.Queue(queue, static q => q.AutoDelete()))
                .Consume<string>(queue, static (_, _, _) => ValueTask.CompletedTask),
            cancellationToken: Token);
        CuttingProxy.Pair wire = await _proxy.NextAsync(Token).AsTask().WithinPatienceAsync("the consumers' connection");
        _proxy.Refuse();
        wire.Server.Dispose();

        Task<IReadOnlyList<ConsumerStopReport>> stopped = bus.StopAsync(Token).AsTask();

        Assert.Equal(-1, Assert.Single(await stopped.WithinPatienceAsync("the stop")).Ready);
        await bus.DisposeAsync().AsTask().WithinPatienceAsync("the end");
    }

    private static string UniqueName() => $"interrupted-{Interlocked.Increment(ref _names)}";

    private static async Task LoseAsync(IConnection connection, CuttingProxy.Pair wire)
    {
        TaskCompletionSource lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource found = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.BlockedChanged += (_, e) => (e.IsBlocked ? lost : found).TrySetResult();
        wire.Server.Dispose();
        await lost.Task.WithinPatienceAsync("the loss");
        await found.Task.WithinPatienceAsync("the recovery");
    }

    private async Task<RabbitMqBroker> StartThroughProxyAsync(Action<RabbitMqOptions>? configure = null)
    {
        RabbitMqOptions options = _server.ToOptions();
        options.Uri = string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{_proxy.Port}");
        configure?.Invoke(options);
        RabbitMqBroker broker = await RabbitMqBroker.StartAsync(options, Token);
        _ = await _proxy.NextAsync(Token).AsTask().WithinPatienceAsync("the broker's look at the server");
        return broker;
    }

    private async Task<(IConnection Connection, CuttingProxy.Pair Wire)> ConnectAsync(RabbitMqBroker? broker = null)
    {
        IConnection connection = await (broker ?? _broker).ConnectAsync(cancellationToken: Token);
        return (connection, await _proxy.NextAsync(Token).AsTask().WithinPatienceAsync("the connection"));
    }
}
