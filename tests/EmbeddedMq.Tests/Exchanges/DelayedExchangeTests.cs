using EmbeddedMq.Exchanges;

namespace EmbeddedMq.Tests.Exchanges;

public sealed class DelayedExchangeTests
{
    private readonly FakeTopology _topology = new();

    public static TheoryData<object?, long> Delays =>
    [
        (1, 1),
        ((byte)200, 200),
        (5000L, 5000),
        (4294967295L, 4294967295),
        (4294967295u, 4294967295),
        ("1500", 1500),
        (2.9d, 2),
        (2.9f, 2),
        (7.5m, 7),
    ];

    public static TheoryData<object?> NoDelays =>
        [(object?)null, 0, -1, "0", "-5", "", "abc", "1.5", " 7", 4294967296L, long.MaxValue, "99999999999999999999", 0.9d, double.NaN, double.PositiveInfinity, 1e300, true, new byte[] { 1 }];

    [Theory]
    [MemberData(nameof(Delays))]
    public void TryGetDelay_PositiveNumber_IsMilliseconds(object? value, long expectedMs)
    {
        Assert.True(DelayedExchange.TryGetDelay(HeaderTable.Of("x-delay", value), out TimeSpan delay));
        Assert.Equal(expectedMs, delay.TotalMilliseconds);
    }

    [Theory]
    [MemberData(nameof(NoDelays))]
    public void TryGetDelay_AnythingElse_IsNone(object? value)
        => Assert.False(DelayedExchange.TryGetDelay(HeaderTable.Of("x-delay", value), out _));

    [Fact]
    public void TryGetDelay_NoHeader_IsNone() => Assert.False(DelayedExchange.TryGetDelay(HeaderTable.Empty, out _));

    [Fact]
    public void MarkDelayed_Message_ShowsTheDelayNegative()
    {
        Message message = Message.Text("later", MessageProperties.Persistent.WithHeader("x-delay", "1500").WithHeader("h", 1));

        Message marked = DelayedExchange.MarkDelayed(message);

        Assert.Equal(-1500L, marked.Headers["x-delay"]);
        Assert.Equal(1, marked.Headers["h"]);
        Assert.True(marked.Properties.IsPersistent);
        Assert.False(DelayedExchange.TryGetDelay(marked.Headers, out _));
        Assert.Equal("1500", message.Headers["x-delay"]);
    }

    [Theory]
    [InlineData("direct", "a", "q")]
    [InlineData("direct", "b", "")]
    [InlineData("topic", "a", "q")]
    [InlineData("fanout", "b", "q")]
    public void Route_PendingDelay_HoldsThenRoutesByTheOtherType(string type, string key, string queues)
    {
        _topology.Declare("x", ExchangeType.Delayed, ("x-delayed-type", type));
        _topology.Bind("x", "q", "a");

        Assert.Equal("(x)", _topology.Route("x", key, ("x-delay", 1000)));
        Assert.Equal(queues, _topology.Route("x", key, ("x-delay", -1000)));
        Assert.Equal(queues, _topology.Route("x", key));
        Assert.Equal("(x)", _topology.Route("x", key, ("x-delay", 1000)));
    }

    [Fact]
    public void Route_PendingDelay_LeavesTheAlternateAlone()
    {
        _topology.Declare("other", ExchangeType.Fanout);
        _topology.Bind("other", "unrouted");
        _topology.Declare("x", ExchangeType.Delayed, ("x-delayed-type", "direct"), ("alternate-exchange", "other"));

        Assert.Equal("(x)", _topology.Route("x", "key", ("x-delay", 1)));
        Assert.Equal("unrouted", _topology.Route("x", "key", ("x-delay", -1)));
    }

    [Fact]
    public void Route_DelayedExchangeBehindAnother_IsReportedBesideTheQueues()
    {
        _topology.Declare("front", ExchangeType.Fanout);
        _topology.Declare("x", ExchangeType.Delayed, ("x-delayed-type", "fanout"));
        _topology.Bind("front", "x");
        _topology.Bind("front", "now");
        _topology.Bind("x", "later");

        Assert.Equal("now (x)", _topology.Route("front", "key", ("x-delay", 1)));
        Assert.Equal("now later", _topology.Route("front", "key"));
        Assert.Equal("now (x)", _topology.Route("front", "key", ("x-delay", 1)));
    }

    [Fact]
    public void Binding_RulesOfTheOtherType_Hold()
    {
        _topology.Declare("x", ExchangeType.Delayed, ("x-delayed-type", "x-consistent-hash"));

        ChannelException error = Assert.Throws<ChannelException>(() => _topology.Bind("x", "q", "0"));

        Assert.Equal("PRECONDITION_FAILED - The binding key must be greater than 0", error.ReplyText);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("unknown")]
    [InlineData("x-delayed-message")]
    [InlineData(1)]
    public void Declaration_NoUsableOtherType_IsRefused(object? type)
    {
        ChannelException error = Assert.Throws<ChannelException>(() => _topology.Declare("x", ExchangeType.Delayed, ("x-delayed-type", type)));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal("PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type", error.ReplyText);
    }
}
