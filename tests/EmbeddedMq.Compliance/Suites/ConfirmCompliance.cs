namespace EmbeddedMq.Compliance;

/// <summary>Publisher confirms: numbering, what is confirmed, what a failing channel leaves unanswered.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ConfirmCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A6.3")]
    public async Task Numbers_OnEachChannel_StartAtOne()
    {
        string queue = await DeclareQueueAsync();
        IChannel first = await OpenChannelAsync();
        IChannel second = await OpenChannelAsync();
        Assert.Equal(1ul, await first.PublishAsync("", queue, Message.Text("a")));
        Assert.Equal(2ul, await first.PublishAsync("", queue, Message.Text("b")));
        Assert.Equal(1ul, await second.PublishAsync("", queue, Message.Text("c")));
        Assert.Equal(3ul, (await first.TryPublishAsync("", queue, Message.Text("d"))).SequenceNumber);
    }

    [Fact, AmqpItem("A6.3")]
    public async Task SelectConfirm_AfterPlainPublishes_NumbersFromTheNext()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync(ChannelMode.Plain);
        Assert.Equal(ChannelMode.Plain, channel.Mode);
        Assert.Equal(0ul, await channel.PublishAsync("", queue, Message.Text("plain")));
        await channel.SelectConfirmAsync();
        Assert.Equal(ChannelMode.Confirm, channel.Mode);
        Assert.Equal(1ul, await channel.PublishAsync("", queue, Message.Text("first")));
        await channel.SelectConfirmAsync();
        Assert.Equal(2ul, await channel.PublishAsync("", queue, Message.Text("second")));
    }

    [Theory, AmqpItem("A6.4"), OftenGotWrong("unroutable is acked")]
    [InlineData("")]
    [InlineData("amq.direct")]
    [InlineData("amq.fanout")]
    public async Task Unroutable_NotMandatory_IsConfirmed(string exchange)
    {
        PublishResult result = await Channel.TryPublishAsync(exchange, Name("nowhere"), Message.Text("m"));
        Assert.Equal((PublishOutcome.Confirmed, RejectReason.None, 1ul), (result.Outcome, result.RejectReason, result.SequenceNumber));
    }

    [Fact, AmqpItem("A6.4"), AmqpItem("A6.5")]
    public async Task Publishes_ManyOutstanding_AreEachAnswered()
    {
        string queue = await DeclareQueueAsync();
        List<Task<PublishResult>> publishes = [];
        for (int i = 0; i < 500; i++)
        {
            MessageProperties? properties = i % 3 == 0 ? MessageProperties.Persistent : null;
            string key = i % 5 == 0 ? Name("nowhere") : queue;
            publishes.Add(Channel.TryPublishAsync("", key, Message.Text("m", properties), i % 10 == 0 ? PublishFlags.Mandatory : PublishFlags.None).AsTask());
        }

        PublishResult[] results = await SoonAsync(Task.WhenAll(publishes));
        Assert.Equal(Enumerable.Range(1, 500).Select(number => (ulong)number), results.Select(result => result.SequenceNumber));
        Assert.Equal(50, results.Count(result => result.Outcome == PublishOutcome.Returned));
        Assert.Equal(450, results.Count(result => result.IsConfirmed));
        await ExpectReadyAsync(queue, 400);
    }

    [Fact, AmqpItem("A6.5"), OftenGotWrong("confirms out of numeric order")]
    public async Task Publishes_AcceptedAndRejectedInTurn_AreAnsweredEachByItsOwnFate()
    {
        string full = await DeclareQueueAsync(q => q.MaxLength(0, Overflow.RejectPublish));
        string open = await DeclareQueueAsync();
        List<Task<PublishResult>> publishes = [];
        for (int i = 0; i < 100; i++)
        {
            publishes.Add(Channel.TryPublishAsync("", i % 2 == 0 ? open : full, Message.Text("m")).AsTask());
        }

        PublishResult[] results = await SoonAsync(Task.WhenAll(publishes));
        Assert.All(results, result => Assert.Equal(
            result.SequenceNumber % 2 == 1 ? PublishOutcome.Confirmed : PublishOutcome.Rejected, result.Outcome));
        await ExpectReadyAsync(open, 50);
    }

    [Fact, AmqpItem("A6.4")]
    public async Task Publish_ConfirmedToPersistentAndTransientQueues_IsThere()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string transient = await DeclareBoundQueueAsync(exchange);
        string durable = await DeclareQueueAsync(q => q.Durable());
        await Channel.BindQueueAsync(durable, exchange, "");
        Assert.True((await Channel.TryPublishAsync(exchange, "", Message.Text("m", MessageProperties.Persistent))).IsConfirmed);
        await ExpectMessagesAsync(transient, "m");
        await ExpectMessagesAsync(durable, "m");
    }

    [Fact, AmqpItem("A0.4"), AmqpItem("A0.5"), OftenGotWrong("dropping what follows a channel error")]
    public async Task Publishes_BehindAFailingOne_AreDroppedAndFail()
    {
        string queue = await DeclareQueueAsync();
        string missing = Name("missing");
        IChannel channel = await OpenChannelAsync();
        Task<ulong> failing = channel.PublishAsync(missing, "k", Message.Text("fails")).AsTask();
        Task<ulong> behind = channel.PublishAsync("", queue, Message.Text("dropped")).AsTask();
        string text = ReplyTexts.Full(ReplyCode.NotFound, $"no {ExchangeIn(missing)}");
        foreach (Task<ulong> publish in (Task<ulong>[])[failing, behind])
        {
            ChannelException error = await Assert.ThrowsAsync<ChannelException>(() => SoonAsync(publish));
            Assert.Equal((ReplyCode.NotFound, text), (error.ReplyCode, error.ReplyText));
        }

        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A6.8")]
    public Task SelectTransaction_OnAConfirmingChannel_Is406()
        => ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "cannot switch from confirm to tx mode", c => c.SelectTransactionAsync());

    [Fact, AmqpItem("A6.8")]
    public async Task SelectConfirm_OnATransactionalChannel_Is406()
    {
        IChannel channel = await OpenChannelAsync(ChannelMode.Transactional);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, "cannot switch from tx to confirm mode", c => c.SelectConfirmAsync(), channel);
    }
}
