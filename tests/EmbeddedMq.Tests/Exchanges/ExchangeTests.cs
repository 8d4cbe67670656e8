using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Tests.Bindings;

namespace EmbeddedMq.Tests.Exchanges;

public sealed class ExchangeTests
{
    private readonly FakeTopology _topology = new();

    public static TheoryData<string> EveryType =>
    [
        ExchangeType.Direct, ExchangeType.Fanout, ExchangeType.Topic, ExchangeType.Headers,
        ExchangeType.ConsistentHash, ExchangeType.Random, ExchangeType.LocalRandom, ExchangeType.Delayed,
    ];

    [Theory]
    [MemberData(nameof(EveryType))]
    public void Bindings_AddedAndRemoved_AreCountedListedAndRouted(string type)
    {
        Exchange exchange = _topology.Declare("x", type, ("x-delayed-type", "fanout"));
        string key = type switch { ExchangeType.ConsistentHash => "1", ExchangeType.LocalRandom => "", _ => "key" };
        Assert.False(exchange.HasBindings);
        Assert.Equal("", _topology.Route("x", key));

        Binding one = _topology.Bind("x", "q", key);
        Assert.True(exchange.HasBindings);
        Assert.False(exchange.Add(new Binding("x", one.Destination, key, HeaderTable.Empty)), "an identical binding is no second one");
        Assert.Equal(1, exchange.BindingCount);

        Binding other = _topology.Bind("x", "q", key, HeaderTable.Of("other", 1));
        Assert.Equal(2, exchange.BindingCount);
        Assert.Equal(new HashSet<Binding> { one, other }, exchange.GetBindings().ToHashSet());
        Assert.Equal("q", _topology.Route("x", key, ("other", 1)));

        Assert.False(_topology.Unbind("x", "q", key, HeaderTable.Of("other", 2)), "unbinding needs the identical arguments");
        Assert.True(_topology.Unbind("x", "q", key, HeaderTable.Of("other", 1)));
        Assert.Equal("q", _topology.Route("x", key));
        Assert.True(_topology.Unbind("x", "q", key));
        Assert.False(_topology.Unbind("x", "q", key));
        Assert.False(exchange.HasBindings);
        Assert.Empty(exchange.GetBindings());
        Assert.Equal("", _topology.Route("x", key));
    }

    [Fact]
    public void Remove_EqualBindingOfAnotherObject_RemovesTheOneThatWasAdded()
    {
        Exchange exchange = _topology.Declare("x", ExchangeType.Headers);
        _topology.Bind("x", "q", "", HeaderTable.Of("a", 1));

        Assert.True(exchange.Remove(new Binding("x", new FakeQueue("q"), "", HeaderTable.Of("a", 1))));
        Assert.Equal("", _topology.Route("x", "", ("a", 1)));
    }

    [Fact]
    public void Default_EveryQueue_IsReachedByItsName()
    {
        _topology.DeclareQueue("one");

        Assert.Equal("one", _topology.Route("", "one"));
        Assert.Equal("", _topology.Route("", "two"));
        Assert.Equal("", _topology.Route("", ""));
        _topology.DeclareQueue("two");
        Assert.Equal("two", _topology.Route("", "two"));
    }

    [Fact]
    public void Default_Binding_IsRefused()
    {
        ChannelException error = Assert.Throws<ChannelException>(() => _topology.Bind("", "q", "key"));

        Assert.Equal(ReplyCode.AccessRefused, error.ReplyCode);
        Assert.Equal("ACCESS_REFUSED - operation not permitted on the default exchange", error.ReplyText);
    }

    [Fact]
    public void Fanout_AnyKey_ReachesEachQueueOnce()
    {
        _topology.Declare("x", ExchangeType.Fanout);
        _topology.Bind("x", "one", "a");
        _topology.Bind("x", "one", "b");
        _topology.Bind("x", "two", "a");

        Assert.Equal("one two", _topology.Route("x", "whatever"));
        _topology.Unbind("x", "one", "a");
        Assert.Equal("one two", _topology.Route("x", "a"));
        _topology.Unbind("x", "one", "b");
        Assert.Equal("two", _topology.Route("x", "a"));
    }

    [Fact]
    public void Direct_Key_ReachesEqualBindings()
    {
        _topology.Declare("x", ExchangeType.Direct);
        _topology.Bind("x", "one", "a");
        _topology.Bind("x", "two", "a");
        _topology.Bind("x", "three", "b");

        Assert.Equal("one two", _topology.Route("x", "a"));
        Assert.Equal("three", _topology.Route("x", "b"));
        Assert.Equal("", _topology.Route("x", "A"));
    }

    [Fact]
    public void Topic_Key_ReachesMatchingBindingsOnce()
    {
        _topology.Declare("x", ExchangeType.Topic);
        _topology.Bind("x", "one", "order.#");
        _topology.Bind("x", "one", "*.eu.*");
        _topology.Bind("x", "two", "#.placed");

        Assert.Equal("one two", string.Join(' ', _topology.Route("x", "order.eu.placed").Split(' ').Order(StringComparer.Ordinal)));
        Assert.Equal("one", _topology.Route("x", "order"));
    }

    [Fact]
    public void PublishedCount_Counts()
    {
        Exchange exchange = _topology.Declare("x", ExchangeType.Direct);
        exchange.CountPublished();
        exchange.CountPublished(5);

        Assert.Equal(6, exchange.PublishedCount);
    }

    [Fact]
    public void PublishedCount_CountedByRouters_IsTheSumOfAllWhetherOrNotTheyAreLeft()
    {
        Exchange exchange = _topology.Declare("x", ExchangeType.Direct);
        PublishTally one = exchange.OpenTally();
        PublishTally other = exchange.OpenTally();
        one.Add();
        other.Add();
        other.Add();
        Assert.Equal(3, exchange.PublishedCount);

        exchange.Close(other);
        exchange.Close(other);
        one.Add();

        Assert.Equal(4, exchange.PublishedCount);
    }

    [Theory]
    [InlineData(ExchangeType.Random)]
    [InlineData(ExchangeType.LocalRandom)]
    public void Random_ManyMessages_SpreadEvenly(string type)
    {
        _topology.Declare("x", type);
        foreach (string queue in (string[])["a", "b", "c", "d"])
        {
            _topology.Bind("x", queue);
        }

        _topology.Unbind("x", "b");
        ILookup<string, int> routed = Enumerable.Range(0, 3000).ToLookup(i => _topology.Route("x", $"key{i}"));

        Assert.Equal(["a", "c", "d"], routed.Select(group => group.Key).Order(StringComparer.Ordinal));
        Assert.All(routed, group => Assert.InRange(group.Count(), 850, 1150));
    }

    [Fact]
    public void Random_KeysInCc_ChooseOnceAllTheSame()
    {
        _topology.Declare("x", ExchangeType.Random);
        _topology.Bind("x", "a");
        _topology.Bind("x", "b");

        Assert.All(Enumerable.Range(0, 100), _ => Assert.Single(_topology.Route("x", "key", ("CC", new[] { "one", "two" })).Split(' ')));
    }

    [Fact]
    public void LocalRandom_BindingWithKeyOrOfExchange_IsRefused()
    {
        _topology.Declare("x", ExchangeType.LocalRandom);
        _topology.Declare("other", ExchangeType.Fanout);

        AssertRefused("Non empty binding 'key' key not permitted", () => _topology.Bind("x", "q", "key"));
        AssertRefused("Destination not found", () => _topology.Bind("x", "other"));
    }

    [Fact]
    public void Headers_InvalidMatch_IsRefused()
    {
        _topology.Declare("x", ExchangeType.Headers);

        AssertRefused(
            "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x",
            () => _topology.Bind("x", "q", "", HeaderTable.Of("x-match", "foo")));
        AssertRefused(
            "Invalid x-match field type signedint (value 1); expected longstr",
            () => _topology.Bind("x", "q", "", HeaderTable.Of("x-match", 1)));
        Assert.False(_topology.FindExchange("x")!.HasBindings);
    }

    [Fact]
    public void Headers_MessageWithoutHeaders_MatchesBindingsWithoutConditions()
    {
        _topology.Declare("x", ExchangeType.Headers);
        _topology.Bind("x", "all");
        _topology.Bind("x", "any", "", HeaderTable.Of("x-match", "any"));
        _topology.Bind("x", "a", "", HeaderTable.Of("a", 1));

        Assert.Equal("all", _topology.Route("x", "key"));
        Assert.Equal("all a", _topology.Route("x", "key", ("a", 1L)));
    }

    private static void AssertRefused(string text, Func<object?> action)
    {
        ChannelException error = Assert.Throws<ChannelException>(action);
        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - {text}", error.ReplyText);
    }
}
