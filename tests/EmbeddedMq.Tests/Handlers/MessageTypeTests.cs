namespace EmbeddedMq.Tests.Handlers;

/// <summary>JSON of one type read as another has defaults in most places. What the application itself says to be of another type is not read.</summary>
public sealed class MessageTypeTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Message_OfAnotherPublishedType_IsDeadLetteredWithBothNames()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Publish<OrderStatus>(static p => p.ToQueue("q").Type("status"))
            .Consume<Order>("q", received.HandleAsync));

        await fixture.Publisher.PublishAsync(new OrderStatus("1", "paid"), cancellationToken: Token);
        await fixture.Publisher.PublishAsync(new Order("2"), cancellationToken: Token);

        Assert.Equal("2", (await received.NextAsync()).Order.Id);
        Delivery dead = await fixture.Broker.NextDeliveryAsync("q.error");
        Assert.Equal(MessageHeaders.ReasonUnreadable, dead.Message.Headers[MessageHeaders.Reason]);
        Assert.Equal(
            $"The message has the type 'status', which is what this application publishes {typeof(OrderStatus)} as, and queue 'q' is consumed as {typeof(Order)}. " +
            "Give each of them a queue of its own, or consume a class that is not published itself.",
            dead.Message.Headers[MessageHeaders.ErrorMessage]);
        Assert.Equal("""{"id":"1","status":"paid"}""", dead.Message.GetText());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("order")]
    [InlineData("something.else")]
    public async Task Message_OfNoNameOrOneThatNobodyHerePublishes_IsRead(string? type)
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q").Type("order"))
            .Publish<OrderStatus>(static p => p.ToQueue("q").Type("status"))
            .Consume<Order>("q", received.HandleAsync));
        IChannel channel = await fixture.Broker.OpenChannelAsync();

        await channel.PublishAsync("", "q", Message.Text("""{"id":"1"}""", new MessageProperties { Type = type }), cancellationToken: Token);

        Assert.Equal("1", (await received.NextAsync()).Order.Id);
    }

    [Fact]
    public async Task Message_OfATypeThatSharesItsName_IsRead()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q").Type("event"))
            .Publish<OrderStatus>(static p => p.ToQueue("q").Type("event"))
            .Consume<Order>("q", received.HandleAsync));

        await fixture.Publisher.PublishAsync(new OrderStatus("1", "paid"), cancellationToken: Token);

        Assert.Equal("1", (await received.NextAsync()).Order.Id);
    }

    [Fact]
    public async Task Message_OfARelatedType_OrReadAsAClassThatIsNotPublished_IsRead()
    {
        TaskCompletionSource<string> asBase = new(), asDerived = new(), asExtract = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("base").Queue("derived").Queue("extract"))
            .Publish<Event>(static p => p.ToQueue("derived"))
            .Publish<Shipped>(static p => p.ToQueue("base"))
            .Publish<Order>(static p => p.ToQueue("extract"))
            .Consume<Event>("base", (message, _, _) => Take(asBase, message.Id))
            .Consume<Shipped>("derived", (message, _, _) => Take(asDerived, message.Id))
            .Consume<Extract>("extract", (message, _, _) => Take(asExtract, message.Id)));

        await fixture.Publisher.PublishAsync(new Shipped { Id = "1" }, cancellationToken: Token);
        await fixture.Publisher.PublishAsync(new Event { Id = "2" }, cancellationToken: Token);
        await fixture.Publisher.PublishAsync(new Order("3"), cancellationToken: Token);

        Assert.Equal(["1", "2", "3"], await Task.WhenAll(asBase.Task, asDerived.Task, asExtract.Task).WaitAsync(TestSupport.BrokerFixture.Patience, Token));
    }

    private static ValueTask Take(TaskCompletionSource<string> taken, string id)
    {
        taken.SetResult(id);
        return ValueTask.CompletedTask;
    }

    private class Event
    {
        public string Id { get; init; } = "";
    }

    private sealed class Shipped : Event;

    private sealed record Extract(string Id);
}
