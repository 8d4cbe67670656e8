namespace EmbeddedMq.Compliance;

/// <summary>Replies without a queue, through <c>amq.rabbitmq.reply-to</c>.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class DirectReplyToCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private const string ReplyTo = "amq.rabbitmq.reply-to";

    private static readonly ConsumerOptions AutoAck = new() { AutoAck = true };

    [Fact, AmqpItem("A8.2"), AmqpItem("A8.3")]
    public async Task Request_WithReplies_GetsThemOnItsChannel()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer replies = await ConsumeAsync(ReplyTo, AutoAck);
        await PublishAsync("", queue, "question", new MessageProperties { ReplyTo = ReplyTo, CorrelationId = "c" });

        Delivery request = await GetAsync(queue);
        string address = Assert.IsType<string>(request.Properties.ReplyTo);
        Assert.StartsWith(ReplyTo + ".", address, StringComparison.Ordinal);
        Assert.Equal("c", request.Properties.CorrelationId);

        IChannel server = await OpenChannelAsync(connection: await ConnectAsync());
        await server.PublishAsync("", address, Message.Text("answer", new MessageProperties { CorrelationId = "c" }));
        await server.PublishAsync("", address, Message.Text("more"));
        Delivery answer = await replies.ExpectNextAsync("answer");
        Assert.Equal(("", address, "c", false), (answer.Exchange, answer.RoutingKey, answer.Properties.CorrelationId, answer.Redelivered));
        await replies.ExpectNextAsync("more");
    }

    [Fact, AmqpItem("A8.1")]
    public Task ReplyConsumer_WithAcknowledgements_Is406()
        => ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "reply consumer cannot acknowledge", c => c.StartConsumerAsync(ReplyTo));

    [Fact, AmqpItem("A8.1")]
    public async Task ReplyConsumer_SecondOnTheChannel_Is406()
    {
        IChannel channel = await OpenChannelAsync();
        await ConsumeAsync(ReplyTo, AutoAck, channel);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, "reply consumer already set", c => c.StartConsumerAsync(ReplyTo, AutoAck), channel);
    }

    [Fact, AmqpItem("A8.2")]
    public async Task Request_WithoutReplyConsumer_Is406()
    {
        string queue = await DeclareQueueAsync();
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "fast reply consumer does not exist", Request);
        IChannel channel = await OpenChannelAsync();
        TestConsumer cancelled = await ConsumeAsync(ReplyTo, AutoAck, channel);
        await cancelled.Consumer.CancelAsync();
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "fast reply consumer does not exist", Request, channel);
        await ExpectMessagesAsync(queue);

        ValueTask<ulong> Request(IChannel c) => c.PublishAsync("", queue, Message.Text("q", new MessageProperties { ReplyTo = ReplyTo }));
    }

    [Fact, AmqpItem("A8.2")]
    public async Task ReplyConsumer_AfterCancel_MayBeStartedAgain()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer first = await ConsumeAsync(ReplyTo, AutoAck);
        await first.Consumer.CancelAsync();
        TestConsumer second = await ConsumeAsync(ReplyTo, AutoAck);
        await PublishAsync("", queue, "q", new MessageProperties { ReplyTo = ReplyTo });
        await PublishAsync("", (await GetAsync(queue)).Properties.ReplyTo!, "a");
        await second.ExpectNextAsync("a");
    }

    [Fact, AmqpItem("A8.4")]
    public async Task ReplyAddress_DeclaredPassively_ExistsWhileItsRequesterDoes()
    {
        string queue = await DeclareQueueAsync();
        IChannel requester = await OpenChannelAsync();
        await ConsumeAsync(ReplyTo, AutoAck, requester);
        await requester.PublishAsync("", queue, Message.Text("q", new MessageProperties { ReplyTo = ReplyTo }));
        string address = (await GetAsync(queue)).Properties.ReplyTo!;

        IChannel server = await OpenChannelAsync(connection: await ConnectAsync());
        Assert.Equal(new QueueDeclared(address, 0, 1), await server.DeclareQueuePassiveAsync(address));
        Assert.Equal(new QueueDeclared(address, 0, 1), await server.DeclareQueueAsync(address));
        await requester.CloseAsync();
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(address)}", c => c.DeclareQueuePassiveAsync(address), server);
    }

    [Fact, AmqpItem("A8.5")]
    public async Task Reply_RequesterGone_IsDropped()
    {
        string queue = await DeclareQueueAsync();
        IChannel requester = await OpenChannelAsync();
        await ConsumeAsync(ReplyTo, AutoAck, requester);
        await requester.PublishAsync("", queue, Message.Text("q", new MessageProperties { ReplyTo = ReplyTo }));
        await requester.CloseAsync();
        string address = (await GetAsync(queue)).Properties.ReplyTo!;
        Assert.Equal(PublishOutcome.Confirmed, (await Channel.TryPublishAsync("", address, Message.Text("late"))).Outcome);
        Assert.True(Channel.IsOpen);
    }

    [Fact, AmqpItem("A8.5")]
    [DeliberateDifference("A mandatory reply comes back where its requester has gone. RabbitMQ before 4.2 returns every mandatory reply, also one that it has delivered, and later versions none; so its engine does not ask for that.")]
    public async Task Reply_MandatoryAndRequesterGone_ComesBack()
    {
        string queue = await DeclareQueueAsync();
        IChannel requester = await OpenChannelAsync();
        await ConsumeAsync(ReplyTo, AutoAck, requester);
        await requester.PublishAsync("", queue, Message.Text("q", new MessageProperties { ReplyTo = ReplyTo }));
        string address = (await GetAsync(queue)).Properties.ReplyTo!;
        Assert.Equal(PublishOutcome.Confirmed, await ReplyAsync());
        await requester.CloseAsync();
        Assert.Equal(PublishOutcome.Returned, await ReplyAsync());

        async Task<PublishOutcome> ReplyAsync() => (await Channel.TryPublishAsync("", address, Message.Text("a"), PublishFlags.Mandatory)).Outcome;
    }

    [Fact, AmqpItem("A8.2")]
    [DeliberateDifference("A reply that is published in a transaction comes with the commit, as any other message; RabbitMQ 3.10 delivers it before.")]
    public async Task Reply_InATransaction_ComesWithTheCommit()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer replies = await ConsumeAsync(ReplyTo, AutoAck);
        await PublishAsync("", queue, "question", new MessageProperties { ReplyTo = ReplyTo });
        string address = (await GetAsync(queue)).Properties.ReplyTo!;
        IChannel transaction = await OpenChannelAsync(ChannelMode.Transactional);
        await transaction.PublishAsync("", address, Message.Text("answer"));
        await replies.ExpectNoneAsync();
        await transaction.CommitTransactionAsync();
        await replies.ExpectNextAsync("answer");
    }

    [Fact, AmqpItem("A8.3")]
    public async Task Requesters_SeveralAtOnce_GetTheirOwnReplies()
    {
        string queue = await DeclareQueueAsync();
        IChannel first = await OpenChannelAsync();
        IChannel second = await OpenChannelAsync(connection: await ConnectAsync());
        TestConsumer atFirst = await ConsumeAsync(ReplyTo, AutoAck, first);
        TestConsumer atSecond = await ConsumeAsync(ReplyTo, AutoAck, second);
        MessageProperties properties = new() { ReplyTo = ReplyTo };
        await first.PublishAsync("", queue, Message.Text("first", properties));
        await second.PublishAsync("", queue, Message.Text("second", properties));
        for (int i = 0; i < 2; i++)
        {
            Delivery request = await GetAsync(queue);
            await PublishAsync("", request.Properties.ReplyTo!, "to " + request.Message.GetText());
        }

        await atFirst.ExpectNextAsync("to first");
        await atSecond.ExpectNextAsync("to second");
        await atFirst.ExpectNoneAsync();
    }
}
