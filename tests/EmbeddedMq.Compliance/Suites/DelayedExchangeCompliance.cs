namespace EmbeddedMq.Compliance;

/// <summary>The exchange type <c>x-delayed-message</c>.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class DelayedExchangeCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(500);

    protected override EngineCapabilities Needs => EngineCapabilities.DelayedExchange;

    [Theory, AmqpItem("A2.26")]
    [InlineData(null)]
    [InlineData("no-such-type")]
    [InlineData(ExchangeType.Delayed)]
    public async Task Declare_WithoutAnotherType_Is406(string? type)
    {
        string exchange = Name("x");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "Invalid argument, 'x-delayed-type' must be an existing exchange type",
            c => c.DeclareExchangeAsync(exchange, ExchangeType.Delayed, e => type is null ? e : e.WithArgument("x-delayed-type", type)));
    }

    [Fact, AmqpItem("A2.26")]
    public async Task Message_WithDelay_ArrivesWhenItIsDue()
    {
        string exchange = await DeclareDelayedAsync();
        string queue = await DeclareBoundQueueAsync(exchange, "k");
        await PublishAsync(exchange, "k", "late", WithDelay(500));
        await Engine.SettleAsync();
        await ExpectReadyAsync(queue, 0);
        await Engine.AdvanceAsync(Delay);
        Delivery delivery = await GetAsync(queue);
        Assert.Equal(("late", exchange, "k"), (delivery.Message.GetText(), delivery.Exchange, delivery.RoutingKey));
        Assert.True(HeaderTable.TryGetInteger(delivery.Message.Headers["x-delay"], out long delay) && delay == -500);
    }

    [Fact, AmqpItem("A2.26")]
    public async Task Messages_WithSeveralDelays_ArriveInTheOrderOfTheirDueTimes()
    {
        string exchange = await DeclareDelayedAsync();
        string queue = await DeclareBoundQueueAsync(exchange, "k");
        await PublishAsync(exchange, "k", "third", WithDelay(450));
        await PublishAsync(exchange, "k", "first", WithDelay(150));
        await PublishAsync(exchange, "k", "second", WithDelay(300));
        await PublishAsync(exchange, "k", "at once");
        await Engine.AdvanceAsync(Delay);
        await ExpectMessagesAsync(queue, "at once", "first", "second", "third");
    }

    [Theory, AmqpItem("A2.26")]
    [InlineData(500)]
    [InlineData((byte)200)]
    [InlineData(500L)]
    [InlineData("500")]
    [InlineData(499.9)]
    public async Task Delay_OfAnyNumericKind_Delays(object delay)
    {
        string exchange = await DeclareDelayedAsync();
        string queue = await DeclareBoundQueueAsync(exchange, "k");
        await PublishAsync(exchange, "k", "late", WithDelay(delay));
        await ExpectReadyAsync(queue, 0);
        await Engine.AdvanceAsync(Delay);
        await ExpectMessagesAsync(queue, "late");
    }

    [Theory, AmqpItem("A2.26")]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(4_294_967_296)]
    [InlineData("soon")]
    [InlineData(true)]
    public async Task Delay_ZeroNegativeTooLargeOrNoNumber_RoutesAtOnce(object delay)
    {
        string exchange = await DeclareDelayedAsync();
        string queue = await DeclareBoundQueueAsync(exchange, "k");
        await PublishAsync(exchange, "k", "now", WithDelay(delay));
        await ExpectMessagesAsync(queue, "now");
    }

    [Fact, AmqpItem("A2.26")]
    public async Task Bindings_ChangedWhileAMessageIsHeld_CountAsTheyAreWhenItIsDue()
    {
        string exchange = await DeclareDelayedAsync();
        string before = await DeclareBoundQueueAsync(exchange, "k");
        await PublishAsync(exchange, "k", "m", WithDelay(500));
        await Channel.UnbindQueueAsync(before, exchange, "k");
        string after = await DeclareBoundQueueAsync(exchange, "k");
        await Engine.AdvanceAsync(Delay);
        await ExpectMessagesAsync(before);
        await ExpectMessagesAsync(after, "m");
    }

    [Fact, AmqpItem("A2.26")]
    public async Task Bindings_OfATopicKind_MatchAsThere()
    {
        string exchange = await DeclareDelayedAsync(ExchangeType.Topic);
        string queue = await DeclareBoundQueueAsync(exchange, "order.#");
        await PublishAsync(exchange, "order.paid", "in", WithDelay(100));
        await PublishAsync(exchange, "invoice.paid", "out", WithDelay(100));
        await Engine.AdvanceAsync(Delay);
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A2.26")]
    public async Task Publish_WithDelay_IsConfirmedAtOnceAndUnroutableWhenMandatory()
    {
        string exchange = await DeclareDelayedAsync();
        await DeclareBoundQueueAsync(exchange, "k");
        Message message = Message.Text("m", WithDelay(500));
        Assert.Equal(PublishOutcome.Confirmed, (await Channel.TryPublishAsync(exchange, "k", message)).Outcome);
        Assert.Equal(PublishOutcome.Returned, (await Channel.TryPublishAsync(exchange, "k", message, PublishFlags.Mandatory)).Outcome);
    }

    [Fact, AmqpItem("A2.26"), AmqpItem("A2.5")]
    public async Task Redeclare_WithOtherDelayedType_Is406()
    {
        string exchange = await DeclareDelayedAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'x-delayed-type' for {ExchangeIn(exchange)}: received 'topic' but current is 'direct'",
            c => c.DeclareExchangeAsync(exchange, ExchangeType.Delayed, e => e.WithArgument("x-delayed-type", "topic")));
    }

    private static MessageProperties WithDelay(object delay) => MessageProperties.Empty.WithHeader("x-delay", delay);

    private Task<string> DeclareDelayedAsync(string type = ExchangeType.Direct)
        => DeclareExchangeAsync(ExchangeType.Delayed, e => e.WithArgument("x-delayed-type", type));
}
