namespace EmbeddedMq.Compliance;

/// <summary>Routing through default, direct, fanout and internal exchanges.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ExchangeRoutingCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A2.10")]
    public async Task DefaultExchange_KeyNamesAQueue_RoutesThere()
    {
        string queue = await DeclareQueueAsync();
        string other = await DeclareQueueAsync();
        await PublishAsync("", queue, "hello");
        Delivery delivery = await GetAsync(queue);
        Assert.Equal(("", queue, "hello"), (delivery.Exchange, delivery.RoutingKey, delivery.Message.GetText()));
        await ExpectMessagesAsync(other);
    }

    [Fact, AmqpItem("A2.10"), AmqpItem("A6.4"), OftenGotWrong("unroutable is acked")]
    public async Task DefaultExchange_NoSuchQueue_IsUnroutableNotAnError()
    {
        PublishResult result = await Channel.TryPublishAsync("", Name("missing"), Message.Text("lost"));
        Assert.Equal(PublishOutcome.Confirmed, result.Outcome);
        Assert.True(Channel.IsOpen);
    }

    [Fact, AmqpItem("A2.11")]
    public async Task Direct_KeyGiven_MatchesByteForByte()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string lower = await DeclareBoundQueueAsync(exchange, "key");
        string upper = await DeclareBoundQueueAsync(exchange, "Key");
        string empty = await DeclareQueueAsync();
        await Channel.BindQueueAsync(empty, exchange, "");
        string composed = await DeclareBoundQueueAsync(exchange, "\u00e9");
        string decomposed = await DeclareBoundQueueAsync(exchange, "e\u0301");
        foreach (string key in (string[])["key", "Key", "", "\u00e9", "e\u0301", "key.", "*", "#"])
        {
            await PublishAsync(exchange, key, $"'{key}'");
        }

        await ExpectMessagesAsync(lower, "'key'");
        await ExpectMessagesAsync(upper, "'Key'");
        await ExpectMessagesAsync(empty, "''");
        await ExpectMessagesAsync(composed, "'\u00e9'");
        await ExpectMessagesAsync(decomposed, "'e\u0301'");
    }

    [Fact, AmqpItem("A2.11")]
    public async Task Direct_SeveralQueuesUnderOneKey_EachGetsACopy()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string first = await DeclareBoundQueueAsync(exchange, "key");
        string second = await DeclareBoundQueueAsync(exchange, "key");
        await PublishAsync(exchange, "key", "both");
        await ExpectMessagesAsync(first, "both");
        await ExpectMessagesAsync(second, "both");
    }

    [Fact, AmqpItem("A2.11"), AmqpItem("A2.21"), OftenGotWrong("one copy per queue")]
    public async Task Fanout_SeveralBindingsOfAQueue_IgnoresKeyAndRoutesOneCopy()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string queue = await DeclareBoundQueueAsync(exchange, "a");
        await Channel.BindQueueAsync(queue, exchange, "b");
        await Channel.BindQueueAsync(queue, exchange, "a", HeaderTable.Of("x", 1));
        string other = await DeclareBoundQueueAsync(exchange, "c");
        await PublishAsync(exchange, "a", "once");
        await PublishAsync(exchange, "zzz", "any key");
        await ExpectMessagesAsync(queue, "once", "any key");
        await ExpectMessagesAsync(other, "once", "any key");
    }

    [Theory, AmqpItem("A2.21"), OftenGotWrong("one copy per queue")]
    [InlineData(ExchangeType.Direct)]
    [InlineData(ExchangeType.Topic)]
    public async Task Queue_ReachedByKeysCopiesAndPaths_GetsOneMessage(string type)
    {
        string exchange = await DeclareExchangeAsync(type);
        string inner = await DeclareExchangeAsync(ExchangeType.Fanout);
        string queue = await DeclareQueueAsync();
        await Channel.BindQueueAsync(queue, exchange, "a");
        await Channel.BindQueueAsync(queue, exchange, "b");
        await Channel.BindExchangeAsync(inner, exchange, "a");
        await Channel.BindQueueAsync(queue, inner, "");
        await PublishAsync(exchange, "a", "once", MessageProperties.Empty.WithHeader("CC", new object[] { "b", "a" }).WithHeader("BCC", new object[] { "b" }));
        await ExpectMessagesAsync(queue, "once");
    }

    [Fact, AmqpItem("A2.9")]
    public async Task InternalExchange_ApplicationPublishes_Is403()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.Internal());
        await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, $"cannot publish to internal {ExchangeIn(exchange)}", c => c.PublishAsync(exchange, "", Message.Text("no")));
        await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, $"cannot publish to internal {ExchangeIn("amq.rabbitmq.trace")}", c => c.PublishAsync("amq.rabbitmq.trace", "", Message.Text("no")));
    }

    [Fact, AmqpItem("A2.9")]
    public async Task InternalExchange_AsDestinationAlternateOrDeadLetterExchange_Routes()
    {
        string hidden = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.Internal());
        string queue = await DeclareBoundQueueAsync(hidden);
        string bound = await DeclareExchangeAsync(ExchangeType.Fanout);
        await Channel.BindExchangeAsync(hidden, bound, "");
        string alternated = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.AlternateExchange(hidden));
        string dying = await DeclareQueueAsync(q => q.WithMessageTtl(TimeSpan.Zero).DeadLetterTo(hidden, null));

        await PublishAsync(bound, "", "bound");
        await PublishAsync(alternated, "", "alternate");
        await PublishAsync("", dying, "dead");
        await ExpectMessagesAsync(queue, "bound", "alternate", "dead");
    }
}
