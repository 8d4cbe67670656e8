namespace EmbeddedMq.Tests.Exchanges;

public sealed class ConsistentHashExchangeTests
{
    private static readonly DateTimeOffset Noon = new(2024, 5, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly FakeTopology _topology = new();

    [Fact]
    public void RoutingKey_Weights1And3_SharesAreNearlyThat()
    {
        DeclareWithQueues();

        int[] counts = Counts(i => _topology.Route("x", $"key{i}"));

        Assert.InRange(counts[0], 880, 1120); // of 4,000; RabbitMQ gave 971
        Assert.Equal(4000, counts[0] + counts[1]);
    }

    [Fact]
    public void RoutingKey_SameKey_AlwaysSameQueueWhateverTheMessage()
    {
        DeclareWithQueues();
        string queue = _topology.Route("x", "key");

        Assert.True(_topology.FindExchange("x")!.RoutesByKeyOnly);
        Assert.All(Enumerable.Range(0, 50), i => Assert.Equal(queue, _topology.Route("x", "key", ("CC", new[] { $"other{i}" }), ("h", i))));
    }

    [Fact]
    public void HashHeader_Value_DecidesInsteadOfTheKey()
    {
        DeclareWithQueues(("hash-header", "customer"));

        Assert.False(_topology.FindExchange("x")!.RoutesByKeyOnly);
        Assert.All(Counts(i => _topology.Route("x", "key", ("customer", i))), count => Assert.True(count > 800));
        Assert.Single(Enumerable.Range(0, 50).Select(i => _topology.Route("x", $"key{i}", ("customer", 7))).Distinct());
        Assert.Equal(_topology.Route("x", "key", ("customer", 7)), _topology.Route("x", "key", ("customer", 7L)));
    }

    [Fact]
    public void HashHeader_Missing_CountsAsEmptyString()
    {
        DeclareWithQueues(("hash-header", "customer"));
        string queue = _topology.Route("x", "a", ("customer", ""));

        Assert.All(Enumerable.Range(0, 50), i => Assert.Equal(queue, _topology.Route("x", $"key{i}", ("other", i))));
        Assert.All(Enumerable.Range(0, 50), i => Assert.Equal(queue, _topology.Route("x", $"key{i}")));
    }

    [Theory]
    [InlineData("message_id")]
    [InlineData("correlation_id")]
    [InlineData("timestamp")]
    public void HashProperty_Value_DecidesInsteadOfTheKey(string property)
    {
        DeclareWithQueues(("hash-property", property));
        MessageProperties Message(int i) => property switch
        {
            "message_id" => new MessageProperties { MessageId = $"id{i}" },
            "correlation_id" => new MessageProperties { CorrelationId = $"id{i}" },
            _ => new MessageProperties { Timestamp = Noon.AddSeconds(i) },
        };

        Assert.All(Counts(i => _topology.Route("x", "key", Message(i))), count => Assert.True(count > 800));
        Assert.Single(Enumerable.Range(0, 50).Select(i => _topology.Route("x", $"key{i}", Message(7))).Distinct());
        Assert.Single(Enumerable.Range(0, 50).Select(i => _topology.Route("x", $"key{i}")).Distinct());
    }

    [Fact]
    public void Binding_OfSameQueueAgain_IsIgnoredUntilTheFirstGoes()
    {
        DeclareWithQueues();
        _topology.Bind("x", "one", "1000");

        Assert.InRange(Counts(i => _topology.Route("x", $"key{i}"))[0], 880, 1120);
        _topology.Unbind("x", "one", "1");
        Assert.InRange(Counts(i => _topology.Route("x", $"key{i}"))[0], 3900, 4000);
    }

    [Theory]
    [InlineData("abc", "The binding key must be an integer: <<\"abc\">>")]
    [InlineData("", "The binding key must be an integer: <<>>")]
    [InlineData("1.5", "The binding key must be an integer: <<\"1.5\">>")]
    [InlineData(" 1", "The binding key must be an integer: <<\" 1\">>")]
    [InlineData("0", "The binding key must be greater than 0")]
    [InlineData("-3", "The binding key must be greater than 0")]
    public void Binding_KeyIsNoWeight_IsRefused(string key, string text)
    {
        _topology.Declare("x", ExchangeType.ConsistentHash);

        ChannelException error = Assert.Throws<ChannelException>(() => _topology.Bind("x", "q", key));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - {text}", error.ReplyText);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("+5")]
    [InlineData("007")]
    [InlineData("99999999999999999999999999")]
    public void Binding_KeyIsAnInteger_IsAccepted(string key)
    {
        _topology.Declare("x", ExchangeType.ConsistentHash);
        _topology.Bind("x", "q", key);

        Assert.Equal("q", _topology.Route("x", "any"));
    }

    [Fact]
    public void Declaration_InvalidHashArguments_IsRefused()
    {
        AssertRefused("hash-header and hash-property are mutually exclusive", ("hash-header", "h"), ("hash-property", "message_id"));
        AssertRefused("Unsupported property: type", ("hash-property", "type"));
        AssertRefused("invalid type 'signedint' for arg 'hash-header' in exchange 'x' in vhost '/'", ("hash-header", 1));
    }

    private void AssertRefused(string text, params (string, object?)[] arguments)
    {
        ChannelException error = Assert.Throws<ChannelException>(() => _topology.Declare("x", ExchangeType.ConsistentHash, arguments));
        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - {text}", error.ReplyText);
    }

    private void DeclareWithQueues(params (string, object?)[] arguments)
    {
        _topology.Declare("x", ExchangeType.ConsistentHash, arguments);
        _topology.Bind("x", "one", "1");
        _topology.Bind("x", "three", "3");
    }

    // How many of 4,000 messages went to each of the two queues.
    private static int[] Counts(Func<int, string> route)
    {
        ILookup<string, int> routed = Enumerable.Range(0, 4000).ToLookup(route);
        return [routed["one"].Count(), routed["three"].Count()];
    }
}
