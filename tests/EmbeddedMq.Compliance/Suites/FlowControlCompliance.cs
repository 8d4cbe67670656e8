namespace EmbeddedMq.Compliance;

/// <summary>The memory alarm: who waits, who is told, and that nothing is lost.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class FlowControlCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.MemoryAlarm;

    protected override EngineOptions Options { get; } = new() { MemoryAlarm = true };

    [Fact, AmqpItem("A12.1"), AmqpItem("A12.2"), OftenGotWrong("blocked publishers lose nothing")]
    public async Task Publishes_UnderTheAlarm_WaitAndAreConfirmedOnceItIsOver()
    {
        string queue = await DeclareQueueAsync();
        IConnection publisher = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: publisher);
        await Engine.RaiseMemoryAlarmAsync();
        List<Task<ulong>> publishes = [.. Numbers(1, 20).Select(text => channel.PublishAsync("", queue, Message.Text(text)).AsTask())];
        await Engine.SettleAsync();
        Assert.All(publishes, publish => Assert.False(publish.IsCompleted));
        await ExpectReadyAsync(queue, 0);

        await Engine.ClearMemoryAlarmAsync();
        Assert.Equal(Enumerable.Range(1, 20).Select(number => (ulong)number), await SoonAsync(Task.WhenAll(publishes)));
        await ExpectMessagesAsync(queue, Numbers(1, 20));
    }

    [Fact, AmqpItem("A12.1")]
    public async Task Connection_FirstPublishUnderTheAlarm_IsToldThatAndWhenItIsBlocked()
    {
        string queue = await DeclareQueueAsync();
        IConnection publisher = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: publisher);
        TaskCompletionSource<string?> blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<string?> unblocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        publisher.BlockedChanged += (_, e) => (e.IsBlocked ? blocked : unblocked).TrySetResult(e.Reason);

        await Engine.RaiseMemoryAlarmAsync();
        await Engine.SettleAsync();
        Assert.Null(publisher.BlockedReason);
        Assert.False(blocked.Task.IsCompleted);

        Task<ulong> publish = channel.PublishAsync("", queue, Message.Text("m")).AsTask();
        Assert.Equal("low on memory", await SoonAsync(blocked.Task));
        Assert.Equal("low on memory", publisher.BlockedReason);
        await Engine.ClearMemoryAlarmAsync();
        Assert.Null(await SoonAsync(unblocked.Task));
        await SoonAsync(publish);
        Assert.Null(publisher.BlockedReason);
    }

    [Fact, AmqpItem("A12.2")]
    public async Task Connections_ThatDoNotPublish_GoOnUnderTheAlarm()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        await Engine.RaiseMemoryAlarmAsync();
        IConnection fresh = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: fresh);
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 }, channel);
        await consumer.AckNextAsync("1");
        await consumer.AckNextAsync("2");
        await channel.DeclareQueueAsync(Name("q"), q => q.Exclusive());
        Assert.Null(fresh.BlockedReason);
        await Engine.ClearMemoryAlarmAsync();
    }

    [Fact, AmqpItem("A12.3")]
    [DeliberateDifference("Under an alarm only publishers wait; RabbitMQ stops reading their connections, so that these can neither acknowledge nor close.")]
    public async Task Publish_ItsConnectionClosesUnderTheAlarm_Fails()
    {
        string queue = await DeclareQueueAsync();
        IConnection publisher = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: publisher);
        await Engine.RaiseMemoryAlarmAsync();
        Task<ulong> publish = channel.PublishAsync("", queue, Message.Text("unknown outcome")).AsTask();
        await publisher.CloseAsync();
        await Assert.ThrowsAnyAsync<EmbeddedMqException>(() => SoonAsync(publish));
        await Engine.ClearMemoryAlarmAsync();
    }

    [Fact, AmqpItem("A12.3")]
    [DeliberateDifference("Under an alarm only publishers wait; RabbitMQ stops reading their connections, so that these can neither acknowledge nor close.")]
    public async Task Ack_OnAConnectionWhosePublisherWaits_Counts()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 2);
        IChannel channel = await OpenChannelAsync(connection: await ConnectAsync());
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 }, channel);
        await Engine.RaiseMemoryAlarmAsync();
        Task<ulong> publish = channel.PublishAsync("", queue, Message.Text("3")).AsTask();
        await consumer.AckNextAsync("1");
        await consumer.AckNextAsync("2");
        Assert.False(publish.IsCompleted);
        await Engine.ClearMemoryAlarmAsync();
        await SoonAsync(publish);
        await consumer.AckNextAsync("3");
    }

    [Fact, AmqpItem("A12.2")]
    public async Task Publish_CancelledUnderTheAlarm_StopsWaiting()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync(connection: await ConnectAsync());
        await Engine.RaiseMemoryAlarmAsync();
        using CancellationTokenSource cancellation = new();
        Task<ulong> cancelled = channel.PublishAsync("", queue, Message.Text("cancelled"), cancellationToken: cancellation.Token).AsTask();
        Task<ulong> waiting = channel.PublishAsync("", queue, Message.Text("waits")).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SoonAsync(cancelled));
        Assert.False(waiting.IsCompleted);
        await Engine.ClearMemoryAlarmAsync();
        await SoonAsync(waiting);
    }

    [Fact, AmqpItem("A12.2")]
    public async Task Publish_AnotherConnectionsHandlerDoesNotReturn_GoesOnAfterTheAlarm()
    {
        string queue = await DeclareQueueAsync();
        using ManualResetEventSlim testIsOver = new();
        IConnection stuck = await ConnectAsync();
        stuck.BlockedChanged += (_, _) => testIsOver.Wait(Engine.Patience);
        IChannel stuckChannel = await OpenChannelAsync(connection: stuck);
        IChannel channel = await OpenChannelAsync(connection: await ConnectAsync());
        await Engine.RaiseMemoryAlarmAsync();
        Task<ulong> first = stuckChannel.PublishAsync("", queue, Message.Text("1")).AsTask();
        Task<ulong> second = channel.PublishAsync("", queue, Message.Text("2")).AsTask();
        await Engine.ClearMemoryAlarmAsync();
        await SoonAsync(second);
        testIsOver.Set();
        await SoonAsync(first);
    }

    [Fact, AmqpItem("A12.2"), OftenGotWrong("blocked publishers lose nothing")]
    public async Task Publishers_OnSeveralConnectionsThroughSeveralAlarms_LoseNothing()
    {
        string queue = await DeclareQueueAsync();
        List<Task<ulong>> publishes = [];
        for (int round = 0; round < 3; round++)
        {
            await Engine.RaiseMemoryAlarmAsync();
            for (int connection = 0; connection < 3; connection++)
            {
                IChannel channel = await OpenChannelAsync(connection: await ConnectAsync());
                publishes.AddRange(Numbers(1, 10).Select(text => channel.PublishAsync("", queue, Message.Text(text)).AsTask()));
            }

            await Engine.ClearMemoryAlarmAsync();
        }

        await SoonAsync(Task.WhenAll(publishes));
        await ExpectReadyAsync(queue, 90);
    }
}
