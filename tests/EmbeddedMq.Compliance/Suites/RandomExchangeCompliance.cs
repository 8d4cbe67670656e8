namespace EmbeddedMq.Compliance;

/// <summary>The exchange types that choose at random.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class RandomExchangeCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.RandomExchange;

    [Theory, AmqpItem("A2.25")]
    [InlineData(ExchangeType.Random)]
    [InlineData(ExchangeType.LocalRandom)]
    public async Task Messages_Many_GoEachToOneQueueAndSpreadEvenly(string type)
    {
        RequireType(type);
        string exchange = await DeclareExchangeAsync(type);
        string[] queues = [await DeclareBoundQueueAsync(exchange), await DeclareBoundQueueAsync(exchange), await DeclareBoundQueueAsync(exchange)];
        await Task.WhenAll(Numbers(1, 3000).Select(key => PublishAsync(exchange, key, key)));
        List<uint> counts = [];
        foreach (string queue in queues)
        {
            counts.Add((await Channel.DeclareQueuePassiveAsync(queue)).MessageCount);
        }

        // 1,000 each with a standard deviation of 26: eight of them leave room for any seed.
        Assert.Equal(3000u, counts.Aggregate((left, right) => left + right));
        Assert.All(counts, count => Assert.InRange(count, 800u, 1200u));
    }

    [Theory, AmqpItem("A2.25")]
    [InlineData(ExchangeType.Random)]
    [InlineData(ExchangeType.LocalRandom)]
    public async Task RoutingKey_Any_IsIgnored(string type)
    {
        RequireType(type);
        string exchange = await DeclareExchangeAsync(type);
        string queue = await DeclareBoundQueueAsync(exchange);
        await PublishAsync(exchange, "some", "1");
        await PublishAsync(exchange, "", "2");
        await ExpectMessagesAsync(queue, "1", "2");
    }

    [Fact, AmqpItem("A2.25")]
    public async Task NoBinding_AtAll_IsUnroutable()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Random);
        Assert.Equal(PublishOutcome.Returned, (await Channel.TryPublishAsync(exchange, "k", Message.Text("m"), PublishFlags.Mandatory)).Outcome);
    }

    // RabbitMQ has the local kind since version 4.
    private void RequireType(string type) => Require(type == ExchangeType.LocalRandom ? EngineCapabilities.LocalRandomExchange : EngineCapabilities.None);
}
