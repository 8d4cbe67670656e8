namespace EmbeddedMq.Tests.Handlers;

public sealed class PublisherTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Publish_Defaults_AreSet()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")));

        await fixture.Publisher.PublishAsync(new Order("1", "c"), cancellationToken: Token);

        Delivery delivery = await fixture.Broker.NextDeliveryAsync("q");
        MessageProperties properties = delivery.Properties;
        Assert.Equal("""{"id":"1","customer":"c","region":"eu"}""", delivery.Message.GetText());
        Assert.Equal("application/json", properties.ContentType);
        Assert.Equal(typeof(Order).FullName, properties.Type);
        Assert.Equal(DeliveryMode.Persistent, properties.DeliveryMode);
        Assert.Equal(fixture.Time.GetUtcNow(), properties.Timestamp);
        Assert.True(Guid.TryParseExact(properties.MessageId, "N", out _));
        Assert.Null(properties.CorrelationId);
        Assert.Null(properties.Expiration);
        Assert.Null(properties.Priority);
        Assert.Null(properties.Headers);
    }

    [Fact]
    public async Task Publish_WithATokenAlone_GoesItsRouteUnlessItIsCancelled()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fixture.Publisher.PublishAsync(new Order("1"), new CancellationToken(canceled: true)).AsTask());
        await fixture.Publisher.PublishAsync(new Order("2"), Token);

        Assert.StartsWith("""{"id":"2",""", (await fixture.Broker.NextDeliveryAsync("q")).Message.GetText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Publish_GenericType_IsNamedWithoutAssembliesAndVersions()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q")).Publish<Dictionary<string, Order>>(static p => p.ToQueue("q")));

        await fixture.Publisher.PublishAsync(new Dictionary<string, Order>(), cancellationToken: Token);

        Delivery delivery = await fixture.Broker.NextDeliveryAsync("q");
        Assert.Equal("System.Collections.Generic.Dictionary`2[System.String,EmbeddedMq.Tests.Handlers.Order]", delivery.Properties.Type);
    }

    [Fact]
    public async Task Publish_RouteSaysAll_IsFollowed()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Exchange("x", ExchangeType.Direct).Queue("q").Bind("q", "x", "k.us"))
            .Publish<Order>(static p => p
                .To("x", static o => $"k.{o.Region}")
                .Persistent(false)
                .Priority(3)
                .TimeToLive(TimeSpan.FromSeconds(9))
                .MessageId(static o => o.Id)
                .CorrelationId(static o => o.Customer)
                .Header("region", static o => o.Region)
                .Header("one", static _ => 1)
                .Type("order.placed")));

        await fixture.Publisher.PublishAsync(new Order("1", "c", "us"), cancellationToken: Token);

        Delivery delivery = await fixture.Broker.NextDeliveryAsync("q");
        MessageProperties properties = delivery.Properties;
        Assert.Equal(("x", "k.us"), (delivery.Exchange, delivery.RoutingKey));
        Assert.Equal(DeliveryMode.Transient, properties.DeliveryMode);
        Assert.Equal((byte)3, properties.Priority);
        Assert.Equal("9000", properties.Expiration);
        Assert.Equal("1", properties.MessageId);
        Assert.Equal("c", properties.CorrelationId);
        Assert.Equal("order.placed", properties.Type);
        Assert.Equal("us", properties.Headers!["region"]);
        Assert.Equal(1, properties.Headers["one"]);
    }

    [Fact]
    public async Task Publish_Options_WinOverTheRoute()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q").Queue("other"))
            .Publish<Order>(static p => p.ToQueue("q").Header("a", static _ => 1).Header("b", static _ => 2)));

        await fixture.Publisher.PublishAsync(
            new Order("1"),
            new PublishOptions
            {
                RoutingKey = "other",
                MessageId = "m",
                CorrelationId = "c",
                ReplyTo = "r",
                Headers = HeaderTable.Of("b", 3),
                Priority = 1,
                TimeToLive = TimeSpan.FromSeconds(1),
                Persistent = false,
                Type = "t",
            },
            Token);

        MessageProperties properties = (await fixture.Broker.NextDeliveryAsync("other")).Properties;
        Assert.Equal(("m", "c", "r", "t", "1000"), (properties.MessageId, properties.CorrelationId, properties.ReplyTo, properties.Type, properties.Expiration));
        Assert.Equal((byte)1, properties.Priority);
        Assert.Equal(DeliveryMode.Transient, properties.DeliveryMode);
        Assert.Equal(3, properties.Headers!["b"]);
        Assert.Equal(1, properties.Headers["a"]);
    }

    [Fact]
    public async Task Publish_NoQueueTakesIt_ThrowsIfMandatory()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout)).Publish<Order>(static p => p.To("x")));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        PublishException returned = await Assert.ThrowsAsync<PublishException>(
            async () => await fixture.Publisher.PublishAsync(new Order("1"), new PublishOptions { Mandatory = true }, Token));
        PublishException noQueue = await Assert.ThrowsAsync<PublishException>(
            async () => await fixture.Publisher.PublishAsync(new Order("1"), PublishOptions.ToQueue("nowhere"), Token));

        Assert.Equal(PublishOutcome.Returned, returned.Result.Outcome);
        Assert.Equal("nowhere", noQueue.RoutingKey);
    }

    [Fact]
    public async Task TryPublish_QueueFull_GivesRejected()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q", static q => q.MaxLength(1, Overflow.RejectPublish))).Publish<Order>(static p => p.ToQueue("q")));

        PublishResult first = await fixture.Publisher.TryPublishAsync(new Order("1"), cancellationToken: Token);
        PublishResult second = await fixture.Publisher.TryPublishAsync(new Order("2"), cancellationToken: Token);
        PublishResult unroutable = await fixture.Publisher.TryPublishAsync(new Order("3"), PublishOptions.ToQueue("nowhere"), Token);

        Assert.True(first.IsConfirmed);
        Assert.Equal((PublishOutcome.Rejected, RejectReason.QueueFull), (second.Outcome, second.RejectReason));
        Assert.Equal(PublishOutcome.Returned, unroutable.Outcome);
        Assert.Equal(
            PublishOutcome.Rejected,
            (await Assert.ThrowsAsync<PublishException>(async () => await fixture.Publisher.PublishAsync(new Order("2"), cancellationToken: Token))).Result.Outcome);
    }

    [Fact]
    public async Task Publish_TypeWithoutRoute_SaysHowToAddOne()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static _ => { });

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token));

        Assert.Equal(
            "Nothing says where messages of type EmbeddedMq.Tests.Handlers.Order go. Add mq.Publish<Order>(p => p.To(…)) to the registration, or pass PublishOptions with an exchange.",
            error.Message);
    }

    [Fact]
    public async Task Publish_MissingExchange_LeavesOtherExchangesAlone()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Exchange("block", ExchangeType.Direct).Queue("full", static q => q.MaxLength(1, Overflow.BlockPublisher)).Bind("full", "block", ""))
            .Publish<Order>(static p => p.To("block")));
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        Task waiting = fixture.Publisher.PublishAsync(new Order("2"), cancellationToken: Token).AsTask();

        ChannelException error = await Assert.ThrowsAsync<ChannelException>(
            async () => await fixture.Publisher.PublishAsync(new Order("3"), PublishOptions.To("missing"), Token));
        Assert.Equal(ReplyCode.NotFound, error.ReplyCode);
        Assert.False(waiting.IsCompleted);

        await fixture.Broker.NextDeliveryAsync("full");
        await waiting.WaitAsync(TestSupport.BrokerFixture.Patience, Token);
        await Assert.ThrowsAsync<ChannelException>(async () => await fixture.Publisher.PublishAsync(new Order("3"), PublishOptions.To("missing"), Token));
    }

    [Fact]
    public async Task Publish_ConnectionClosedByTheBroker_IsOpenedAgain()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")));
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);

        int closed = await fixture.Broker.Broker.Management.CloseConnectionsAsync("EmbeddedMq.publish", "test", Token);

        Assert.Equal(1, closed);
        await fixture.Publisher.PublishAsync(new Order("2"), cancellationToken: Token);
        Assert.Equal(2, (await fixture.Broker.DescribeAsync("q")).ReadyCount);
    }
}
