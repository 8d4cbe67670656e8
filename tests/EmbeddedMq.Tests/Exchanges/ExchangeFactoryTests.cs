using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;

namespace EmbeddedMq.Tests.Exchanges;

public sealed class ExchangeFactoryTests
{
    private static readonly ExchangeDeclaration Direct = new("X", ExchangeType.Direct);

    [Theory]
    [InlineData("")]
    [InlineData("unknown")]
    [InlineData("Direct")]
    public void Create_UnknownType_IsRefused(string type)
    {
        ChannelException error = Assert.Throws<ChannelException>(() => ExchangeFactory.Create("V", new ExchangeDeclaration("X", type)));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - unknown exchange type '{type}'", error.ReplyText);
        Assert.Equal($"PRECONDITION_FAILED - unknown exchange type '{type}'. Use one of the types in ExchangeType.", error.Message);
    }

    [Fact]
    public void Create_AlternateIsNoString_IsRefused()
    {
        ChannelException error = Assert.Throws<ChannelException>(
            () => ExchangeFactory.Create("V", Direct.WithArgument("alternate-exchange", 1)));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal("PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'X' in vhost 'V'", error.ReplyText);
        Assert.Equal("X", error.Subject);
    }

    [Fact]
    public void Create_Arguments_BecomeTheAlternateAndUnknownOnesStay()
    {
        Exchange exchange = ExchangeFactory.Create("V", Direct.AlternateExchange("other").WithArgument("foo", 1));

        Assert.Equal("other", exchange.EffectiveAlternate);
        Assert.Equal(1, exchange.Declaration.Arguments["foo"]);
        Assert.Equal("X", exchange.Name);
        Assert.Equal(DestinationKind.Exchange, exchange.Kind);
        Assert.Null(ExchangeFactory.Create("V", Direct).EffectiveAlternate);
    }

    [Theory]
    [InlineData(ExchangeType.Direct, true)]
    [InlineData(ExchangeType.Fanout, true)]
    [InlineData(ExchangeType.Topic, true)]
    [InlineData(ExchangeType.Headers, false)]
    [InlineData(ExchangeType.ConsistentHash, true)]
    [InlineData(ExchangeType.Random, false)]
    [InlineData(ExchangeType.LocalRandom, false)]
    [InlineData(ExchangeType.Delayed, false)]
    public void RoutesByKeyOnly_Type_IsKnown(string type, bool isByKeyOnly)
        => Assert.Equal(isByKeyOnly, ExchangeFactory.Create("V", new ExchangeDeclaration("X", type).WithArgument("x-delayed-type", "direct")).RoutesByKeyOnly);

    [Fact]
    public void Equivalence_Equal_IsAccepted()
    {
        ExchangeDeclaration existing = Direct.Durable().AutoDelete().Internal().AlternateExchange("a").WithArgument("foo", 1);

        ExchangeEquivalence.Check("V", existing, existing.WithArgument("foo", 2).WithArgument("bar", "x"));
    }

    public static TheoryData<string, ExchangeDeclaration, ExchangeDeclaration> Differences =>
    [
        ("'type' for exchange 'X' in vhost 'V': received 'topic' but current is 'direct'", Direct, Direct.Durable() with { Type = "topic" }),
        ("'durable' for exchange 'X' in vhost 'V': received 'true' but current is 'false'", Direct, Direct.Durable().AutoDelete()),
        ("'durable' for exchange 'X' in vhost 'V': received 'false' but current is 'true'", Direct.Durable(), Direct),
        ("'auto_delete' for exchange 'X' in vhost 'V': received 'true' but current is 'false'", Direct, Direct.AutoDelete().Internal()),
        ("'internal' for exchange 'X' in vhost 'V': received 'true' but current is 'false'", Direct, Direct.Internal().AlternateExchange("a")),
        ("'alternate-exchange' for exchange 'X' in vhost 'V': received 'b' but current is 'a'", Direct.AlternateExchange("a"), Direct.AlternateExchange("b")),
        (
            "'alternate-exchange' for exchange 'X' in vhost 'V': received the value 'b' of type 'longstr' but current is none",
            Direct, Direct.AlternateExchange("b")),
        (
            "'alternate-exchange' for exchange 'X' in vhost 'V': received none but current is the value 'a' of type 'longstr'",
            Direct.AlternateExchange("a"), Direct),
        (
            "'hash-header' for exchange 'X' in vhost 'V': received 'b' but current is 'a'",
            Hash.WithArgument("hash-header", "a"), Hash.WithArgument("hash-header", "b")),
        (
            "'x-delayed-type' for exchange 'X' in vhost 'V': received 'topic' but current is 'direct'",
            Delayed.WithArgument("x-delayed-type", "direct"), Delayed.WithArgument("x-delayed-type", "topic")),
        (
            "'hash-property' for exchange 'X' in vhost 'V': received none but current is the value 'message_id' of type 'longstr'",
            Delayed.WithArgument("x-delayed-type", "x-consistent-hash").WithArgument("hash-property", "message_id"),
            Delayed.WithArgument("x-delayed-type", "x-consistent-hash")),
    ];

    private static ExchangeDeclaration Hash => new("X", ExchangeType.ConsistentHash);

    private static ExchangeDeclaration Delayed => new("X", ExchangeType.Delayed);

    [Theory]
    [MemberData(nameof(Differences))]
    public void Equivalence_FirstDifference_IsRefused(string text, ExchangeDeclaration existing, ExchangeDeclaration received)
    {
        ChannelException error = Assert.Throws<ChannelException>(() => ExchangeEquivalence.Check("V", existing, received));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - inequivalent arg {text}", error.ReplyText);
        Assert.Equal("X", error.Subject);
    }

    [Fact]
    public void Equivalence_ArgumentOfAnotherType_DoesNotCount()
        => ExchangeEquivalence.Check("V", Direct.WithArgument("hash-header", "a"), Direct);

    [Fact]
    public void Equivalence_UnknownType_IsRefusedAsUnknown()
    {
        ChannelException error = Assert.Throws<ChannelException>(() => ExchangeEquivalence.Check("V", Direct, Direct with { Type = "nope" }));

        Assert.Equal("PRECONDITION_FAILED - unknown exchange type 'nope'", error.ReplyText);
    }

    [Fact]
    public void Texts_AreRabbitMqs()
    {
        Assert.Equal("NOT_FOUND - no exchange 'X' in vhost 'V'", MqErrors.ExchangeNotFound("V", "X").ReplyText);
        Assert.Equal("ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'", MqErrors.ExchangeNameReserved("amq.foo").ReplyText);
        Assert.Equal(
            "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost 'V' not allowed",
            MqErrors.SystemExchangeDeletion("V", "amq.direct").ReplyText);
        Assert.Equal("PRECONDITION_FAILED - exchange 'X' in vhost 'V' in use", MqErrors.ExchangeInUse("V", "X").ReplyText);
        Assert.Equal(
            "ACCESS_REFUSED - cannot publish to internal exchange 'X' in vhost 'V'",
            MqErrors.PublishToInternalExchange("V", "X").ReplyText);
    }
}
