namespace EmbeddedMq.Compliance;

/// <summary>The overflow of our own: a publish to a full queue waits for room.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class BlockPublisherCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private const string Why = "The overflow block-publisher makes publishers wait for room, so that a peak costs time and no message; RabbitMQ has none like it.";

    protected override EngineCapabilities Needs => EngineCapabilities.DeliberateDifferences;

    [Fact, DeliberateDifference(Why)]
    public async Task BlockPublisher_QueueFull_WaitsUntilAMessageLeaves()
    {
        string queue = await DeclareFullQueueAsync();
        Task<ulong> publish = Channel.PublishAsync("", queue, Message.Text("2")).AsTask();
        await ExpectWaitingAsync(publish);
        Assert.Equal("1", await GetTextAsync(queue));
        Assert.Equal(2ul, await SoonAsync(publish));
        await ExpectMessagesAsync(queue, "2");
    }

    [Fact, DeliberateDifference(Why)]
    public async Task BlockPublisher_SeveralWait_EnterInOrder()
    {
        string queue = await DeclareFullQueueAsync();
        List<Task<ulong>> publishes = [];
        foreach (string text in Numbers(2, 9))
        {
            publishes.Add(Channel.PublishAsync("", queue, Message.Text(text)).AsTask());
        }

        foreach (string text in Numbers(1, 9))
        {
            Assert.Equal(text, await GetTextAsync(queue));
        }

        Assert.Equal([2ul, 3, 4, 5, 6, 7, 8, 9], await SoonAsync(Task.WhenAll(publishes)));
    }

    [Fact, DeliberateDifference(Why), OftenGotWrong("confirms out of numeric order")]
    public async Task BlockPublisher_LaterPublishToAnotherQueue_IsConfirmedFirst()
    {
        string full = await DeclareFullQueueAsync();
        string open = await DeclareQueueAsync();
        Task<ulong> waiting = Channel.PublishAsync("", full, Message.Text("2")).AsTask();
        Assert.Equal(3ul, await SoonAsync(Channel.PublishAsync("", open, Message.Text("m")).AsTask()));
        await ExpectWaitingAsync(waiting);
        await ExpectMessagesAsync(open, "m");
        Assert.Equal("1", await GetTextAsync(full));
        Assert.Equal(2ul, await SoonAsync(waiting));
    }

    [Fact, DeliberateDifference(Why)]
    public async Task BlockPublisher_ConsumerTakesMessages_LetsAllThrough()
    {
        string queue = await DeclareFullQueueAsync();
        List<Task<ulong>> publishes = [.. Numbers(2, 50).Select(text => Channel.PublishAsync("", queue, Message.Text(text)).AsTask())];
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 }, await OpenChannelAsync());
        foreach (string text in Numbers(1, 50))
        {
            await consumer.AckNextAsync(text);
        }

        await SoonAsync(Task.WhenAll(publishes));
        await ExpectMessagesAsync(queue);
    }

    [Fact, DeliberateDifference(Why)]
    public async Task BlockPublisher_WaitIsCancelled_WithdrawsTheMessage()
    {
        string queue = await DeclareFullQueueAsync();
        using CancellationTokenSource cancellation = new();
        Task<ulong> cancelled = Channel.PublishAsync("", queue, Message.Text("withdrawn"), cancellationToken: cancellation.Token).AsTask();
        Task<ulong> waiting = Channel.PublishAsync("", queue, Message.Text("2")).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SoonAsync(cancelled));
        await ExpectWaitingAsync(waiting);
        Assert.Equal("1", await GetTextAsync(queue));
        await SoonAsync(waiting);
        await ExpectMessagesAsync(queue, "2");
    }

    [Fact, DeliberateDifference(Why)]
    public async Task BlockPublisher_QueueDeletedMeanwhile_IsRejected()
    {
        string queue = await DeclareFullQueueAsync();
        Task<PublishResult> waiting = Channel.TryPublishAsync("", queue, Message.Text("2")).AsTask();
        await Channel.DeleteQueueAsync(queue);

        // A queue that goes after it took a message counts as confirmed; this one never took it.
        Assert.Equal(PublishOutcome.Rejected, (await SoonAsync(waiting)).Outcome);
        Assert.True(Channel.IsOpen);
    }

    [Fact, DeliberateDifference(Why), AmqpItem("A0.5")]
    public async Task BlockPublisher_ChannelFailsMeanwhile_NeverConfirms()
    {
        string queue = await DeclareFullQueueAsync();
        IChannel channel = await OpenChannelAsync();
        Task<ulong> waiting = channel.PublishAsync("", queue, Message.Text("outstanding")).AsTask();
        await ExpectWaitingAsync(waiting);
        string missing = Name("missing");
        await ExpectChannelErrorAsync(
            ReplyCode.NotFound, $"no {ExchangeIn(missing)}", c => c.PublishAsync(missing, "k", Message.Text("m")), channel);
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(() => SoonAsync(waiting));
        Assert.Equal(ReplyCode.NotFound, error.ReplyCode);
    }

    [Fact, DeliberateDifference(Why)]
    public async Task BlockPublisher_OneOfSeveralQueuesFull_ConfirmsWhenAllTook()
    {
        string full = await DeclareFullQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string open = await DeclareBoundQueueAsync(exchange);
        await Channel.BindQueueAsync(full, exchange, "");
        Task<ulong> publish = Channel.PublishAsync(exchange, "", Message.Text("2")).AsTask();
        await ExpectWaitingAsync(publish);
        Assert.Equal("1", await GetTextAsync(full));
        await SoonAsync(publish);
        await ExpectMessagesAsync(full, "2");
        await ExpectMessagesAsync(open, "2");
    }

    [Fact, DeliberateDifference("Publishes that wait for their confirm are bounded per channel, so that a caller that never awaits cannot fill the memory.")]
    public async Task OutstandingPublishes_BeyondTheirBound_AreRejected()
    {
        string queue = await DeclareFullQueueAsync();
        IChannel channel = await Connection.OpenChannelAsync(new ChannelOptions { MaxOutstandingPublishes = 2 });
        Task<ulong>[] waiting =
        [
            channel.PublishAsync("", queue, Message.Text("2")).AsTask(),
            channel.PublishAsync("", queue, Message.Text("3")).AsTask(),
        ];
        PublishResult beyond = await SoonAsync(channel.TryPublishAsync("", queue, Message.Text("4")).AsTask());
        Assert.Equal((PublishOutcome.Rejected, RejectReason.TooManyOutstanding), (beyond.Outcome, beyond.RejectReason));
        Assert.Equal(["1", "2", "3"], [await GetTextAsync(queue), await GetTextAsync(queue), await GetTextAsync(queue)]);
        await SoonAsync(Task.WhenAll(waiting));
        await ExpectMessagesAsync(queue);
        Assert.True((await channel.TryPublishAsync("", queue, Message.Text("5"))).IsConfirmed);
    }

    // One message, 1, is in it and one it may have.
    private async Task<string> DeclareFullQueueAsync()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(1, Overflow.BlockPublisher));
        await SendAsync(queue, "1");
        return queue;
    }

    private async Task ExpectWaitingAsync(Task publish)
    {
        await Engine.SettleAsync();
        Assert.False(publish.IsCompleted, "The publish should wait for room.");
    }
}
