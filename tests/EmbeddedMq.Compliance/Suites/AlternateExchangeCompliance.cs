namespace EmbeddedMq.Compliance;

/// <summary>Alternate exchanges: when they are used, chains, cycles, mandatory.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class AlternateExchangeCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A2.23"), OftenGotWrong("alternate exchange only if no key routed")]
    public async Task Alternate_NoKeyRouted_GetsTheMessageWithItsExchangeAndKey()
    {
        string alternate = await DeclareExchangeAsync(ExchangeType.Fanout);
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(alternate));
        string routed = await DeclareBoundQueueAsync(exchange, "known");
        string unrouted = await DeclareBoundQueueAsync(alternate);

        await PublishAsync(exchange, "known", "routed");
        await PublishAsync(exchange, "unknown", "unrouted");
        await ExpectMessagesAsync(routed, "routed");
        Delivery delivery = await GetAsync(unrouted);
        Assert.Equal((exchange, "unknown", "unrouted"), (delivery.Exchange, delivery.RoutingKey, delivery.Message.GetText()));
        await ExpectMessagesAsync(unrouted);
    }

    [Theory, AmqpItem("A2.23"), OftenGotWrong("alternate exchange only if no key routed")]
    [InlineData("CC")]
    [InlineData("BCC")]
    public async Task Alternate_OnlyACopyKeyRouted_IsNotUsed(string header)
    {
        string alternate = await DeclareExchangeAsync(ExchangeType.Fanout);
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(alternate));
        string copy = await DeclareBoundQueueAsync(exchange, "copy");
        string unrouted = await DeclareBoundQueueAsync(alternate);
        await PublishAsync(exchange, "unknown", "by copy", MessageProperties.Empty.WithHeader(header, new object[] { "copy" }));
        await ExpectMessagesAsync(copy, "by copy");
        await ExpectMessagesAsync(unrouted);
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Alternates_InAChain_AreTriedInTurn()
    {
        string last = await DeclareExchangeAsync(ExchangeType.Fanout);
        string middle = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(last));
        string first = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(middle));
        string atMiddle = await DeclareBoundQueueAsync(middle, "m");
        string atLast = await DeclareBoundQueueAsync(last);
        await PublishAsync(first, "m", "middle");
        await PublishAsync(first, "z", "last");
        await ExpectMessagesAsync(atMiddle, "middle");
        await ExpectMessagesAsync(atLast, "last");
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Alternate_TheDefaultExchange_RoutesNothing()
    {
        string queue = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(""));
        PublishResult result = await Channel.TryPublishAsync(exchange, queue, Message.Text("m"), PublishFlags.Mandatory);
        Assert.Equal(PublishOutcome.Returned, result.Outcome);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Alternates_InACycle_EndUnroutable()
    {
        string first = Name("x");
        string second = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(first));
        await Channel.DeclareExchangeAsync(first, ExchangeType.Direct, e => e.AlternateExchange(second));
        PublishResult result = await Channel.TryPublishAsync(first, "k", Message.Text("round"), PublishFlags.Mandatory);
        Assert.Equal(PublishOutcome.Returned, result.Outcome);
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Alternate_RoutesAMandatoryMessage_CountsAsRouted()
    {
        string alternate = await DeclareExchangeAsync(ExchangeType.Fanout);
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(alternate));
        PublishResult before = await Channel.TryPublishAsync(exchange, "k", Message.Text("no queue yet"), PublishFlags.Mandatory);
        string queue = await DeclareBoundQueueAsync(alternate);
        PublishResult after = await Channel.TryPublishAsync(exchange, "k", Message.Text("in"), PublishFlags.Mandatory);
        Assert.Equal((PublishOutcome.Returned, PublishOutcome.Confirmed), (before.Outcome, after.Outcome));
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Alternate_DoesNotExist_IsPlainlyUnroutable()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(Name("missing")));
        Assert.Equal(PublishOutcome.Confirmed, (await Channel.TryPublishAsync(exchange, "k", Message.Text("lost"))).Outcome);
        Assert.Equal(PublishOutcome.Returned, (await Channel.TryPublishAsync(exchange, "k", Message.Text("back"), PublishFlags.Mandatory)).Outcome);
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Alternate_OfADestinationExchange_IsUsedOnThePath()
    {
        string alternate = await DeclareExchangeAsync(ExchangeType.Fanout);
        string inner = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(alternate));
        string outer = await DeclareExchangeAsync(ExchangeType.Fanout);
        await Channel.BindExchangeAsync(inner, outer, "");
        string queue = await DeclareBoundQueueAsync(alternate);
        await PublishAsync(outer, "k", "in");
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Alternate_OfWrongType_Is406()
    {
        string exchange = Name("x");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid type 'signedint' for arg 'alternate-exchange' in {ExchangeIn(exchange)}",
            c => c.DeclareExchangeAsync(exchange, ExchangeType.Direct, e => e.WithArgument("alternate-exchange", 1)));
    }
}
