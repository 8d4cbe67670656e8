namespace EmbeddedMq.Compliance;

/// <summary>The exchange type <c>x-consistent-hash</c>.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ConsistentHashCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.ConsistentHashExchange;

    [Fact, AmqpItem("A2.24")]
    public async Task Keys_Many_SpreadInProportionToTheWeights()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.ConsistentHash);
        string light = await DeclareBoundQueueAsync(exchange, "1");
        string heavy = await DeclareBoundQueueAsync(exchange, "3");
        await Task.WhenAll(Numbers(1, 4000).Select(key => PublishAsync(exchange, key, key)));
        uint atLight = (await Channel.DeclareQueuePassiveAsync(light)).MessageCount;
        uint atHeavy = (await Channel.DeclareQueuePassiveAsync(heavy)).MessageCount;
        Assert.Equal(4000u, atLight + atHeavy);

        // RabbitMQ gave 971 : 3029; the ring of any good hash stays within a fifth of the share.
        Assert.InRange(atLight, 800u, 1200u);
    }

    [Fact, AmqpItem("A2.24")]
    public async Task Key_Repeated_GoesToOneQueueAlways()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.ConsistentHash);
        List<string> queues = [];
        for (int i = 0; i < 4; i++)
        {
            queues.Add(await DeclareBoundQueueAsync(exchange, "10"));
        }

        foreach (string key in Numbers(1, 50))
        {
            await PublishAsync(exchange, key, key);
            await PublishAsync(exchange, key, key);
        }

        int total = 0;
        foreach (string queue in queues)
        {
            List<string> texts = [];
            uint ready = (await Channel.DeclareQueuePassiveAsync(queue)).MessageCount;
            for (uint i = 0; i < ready; i++)
            {
                texts.Add(await GetTextAsync(queue));
            }

            Assert.All(texts.GroupBy(text => text), group => Assert.Equal(2, group.Count()));
            total += texts.Count;
        }

        Assert.Equal(100, total);
    }

    [Theory, AmqpItem("A2.24")]
    [InlineData("abc", "The binding key must be an integer: <<\"abc\">>")]
    [InlineData("", "The binding key must be an integer: <<>>")]
    [InlineData("0", "The binding key must be greater than 0")]
    [InlineData("-1", "The binding key must be greater than 0")]
    public async Task Weight_NotAPositiveInteger_Is406(string weight, string text)
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.ConsistentHash);
        string queue = await DeclareQueueAsync();
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, text, c => c.BindQueueAsync(queue, exchange, weight));
    }

    [Fact, AmqpItem("A2.24")]
    public async Task HashHeader_Given_DecidesInsteadOfTheKey()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.ConsistentHash, e => e.WithArgument("hash-header", "customer"));
        await ExpectSameQueueAsync(exchange, customer => MessageProperties.Empty.WithHeader("customer", customer));
    }

    [Theory, AmqpItem("A2.24")]
    [InlineData("message_id")]
    [InlineData("correlation_id")]
    [InlineData("timestamp")]
    public async Task HashProperty_Given_DecidesInsteadOfTheKey(string property)
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.ConsistentHash, e => e.WithArgument("hash-property", property));
        await ExpectSameQueueAsync(exchange, value => property switch
        {
            "message_id" => new MessageProperties { MessageId = value },
            "correlation_id" => new MessageProperties { CorrelationId = value },
            _ => new MessageProperties { Timestamp = DateTimeOffset.FromUnixTimeSeconds(long.Parse(value)) },
        });
    }

    [Fact, AmqpItem("A2.24")]
    public async Task HashHeader_Missing_HashesNothingAndStillRoutes()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.ConsistentHash, e => e.WithArgument("hash-header", "customer"));
        await ExpectSameQueueAsync(exchange, _ => MessageProperties.Empty, expectSpread: false);
    }

    [Fact, AmqpItem("A2.24")]
    public async Task HashProperty_UnknownOrBesideAHeader_Is406()
    {
        string exchange = Name("x");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "Unsupported property: app_id",
            c => c.DeclareExchangeAsync(exchange, ExchangeType.ConsistentHash, e => e.WithArgument("hash-property", "app_id")));
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "hash-header and hash-property are mutually exclusive",
            c => c.DeclareExchangeAsync(
                exchange, ExchangeType.ConsistentHash, e => e.WithArgument("hash-property", "message_id").WithArgument("hash-header", "h")));
    }

    [Fact, AmqpItem("A2.24")]
    public async Task Queue_Unbound_ItsShareGoesToTheOthers()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.ConsistentHash);
        string first = await DeclareBoundQueueAsync(exchange, "5");
        string second = await DeclareBoundQueueAsync(exchange, "5");
        await Channel.UnbindQueueAsync(first, exchange, "5");
        await Task.WhenAll(Numbers(1, 100).Select(key => PublishAsync(exchange, key, key)));
        await ExpectReadyAsync(second, 100);
        await Channel.DeleteQueueAsync(second);
        Assert.Equal(PublishOutcome.Returned, (await Channel.TryPublishAsync(exchange, "k", Message.Text("m"), PublishFlags.Mandatory)).Outcome);
    }

    // Each value under ten routing keys: all ten must meet in one queue, and different values must not all meet.
    private async Task ExpectSameQueueAsync(string exchange, Func<string, MessageProperties> properties, bool expectSpread = true)
    {
        string[] queues = [await DeclareBoundQueueAsync(exchange, "10"), await DeclareBoundQueueAsync(exchange, "10"), await DeclareBoundQueueAsync(exchange, "10")];
        HashSet<string> used = [];
        foreach (string value in Numbers(1, 20))
        {
            foreach (string key in Numbers(1, 10))
            {
                await PublishAsync(exchange, key, value, properties(value));
            }

            List<string> taken = [];
            foreach (string queue in queues)
            {
                if (await Channel.PurgeQueueAsync(queue) is > 0 and uint count)
                {
                    Assert.Equal(10u, count);
                    taken.Add(queue);
                }
            }

            used.Add(Assert.Single(taken));
        }

        Assert.Equal(expectSpread, used.Count > 1);
    }
}
