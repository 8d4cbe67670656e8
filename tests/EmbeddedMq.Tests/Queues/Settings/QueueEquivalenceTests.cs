using EmbeddedMq.Queues;

namespace EmbeddedMq.Tests.Queues.Settings;

public sealed class QueueEquivalenceTests
{
    private static readonly QueueDeclaration Plain = new("q");

    [Fact]
    public void Property_Differs_IsNamedBeforeAnyArgument()
    {
        QueueDeclaration received = Plain.AutoDelete().WithArgument("x-message-ttl", 1);

        Assert.Equal(Inequivalent("durable", "'false'", "'true'"), Difference(Plain.Durable(), received));
        Assert.Equal(Inequivalent("auto_delete", "'true'", "'false'"), Difference(Plain, received));
    }

    [Fact]
    public void Argument_OnBothSides_IsNamedWithItsValues()
        => Assert.Equal(
            Inequivalent("x-message-ttl", "'2000'", "'1000'"),
            Difference(Plain.WithArgument("x-message-ttl", 1000), Plain.WithArgument("x-message-ttl", 2000)));

    [Theory]
    [InlineData(1000, "1000", "signedint")]
    [InlineData(1000L, "1000", "long")]
    [InlineData("text", "text", "longstr")]
    [InlineData(true, "true", "bool")]
    public void Argument_OnOneSide_IsNamedWithItsType(object value, string text, string type)
    {
        QueueDeclaration with = Plain.WithArgument("x-message-ttl", value);

        Assert.Equal(Inequivalent("x-message-ttl", $"the value '{text}' of type '{type}'", "none"), Difference(Plain, with));
        Assert.Equal(Inequivalent("x-message-ttl", "none", $"the value '{text}' of type '{type}'"), Difference(with, Plain));
    }

    [Theory]
    [InlineData(1000, 1000L)]
    [InlineData((byte)7, (short)7)]
    [InlineData((ushort)7, 7u)]
    public void Integers_OfAnyWidth_AreEqualByValue(object one, object other)
        => Assert.Null(Difference(Plain.WithArgument("x-max-length", one), Plain.WithArgument("x-max-length", other)));

    [Theory]
    [InlineData(1, "1")]
    [InlineData(1, 1.0)]
    [InlineData(1, true)]
    public void Values_OfOtherKinds_AreNotEqual(object one, object other)
        => Assert.NotNull(Difference(Plain.WithArgument("x-max-length", one), Plain.WithArgument("x-max-length", other)));

    [Fact]
    public void QueueType_Absent_EqualsClassic()
    {
        QueueDeclaration classic = Plain.WithArgument("x-queue-type", "classic");
        QueueDeclaration quorum = Plain.WithArgument("x-queue-type", "quorum");

        Assert.Null(Difference(Plain, classic));
        Assert.Null(Difference(classic, Plain));
        Assert.Equal(Inequivalent("x-queue-type", "the value 'quorum' of type 'longstr'", "none"), Difference(Plain, quorum));
        Assert.Equal(Inequivalent("x-queue-type", "'quorum'", "'classic'"), Difference(classic, quorum));
    }

    [Fact]
    public void UnknownArgument_Differs_IsIgnored()
        => Assert.Null(Difference(Plain.WithArgument("x-foo", 1), Plain.WithArgument("x-foo", 2).WithArgument("x-max-age", "1h")));

    [Fact]
    public void SeveralArguments_Differ_TheFirstThatTheTypeKnowsIsNamed()
    {
        QueueDeclaration received = Plain.WithArgument("x-max-length", 1).WithArgument("x-expires", 1);

        Assert.Contains("'x-expires'", Difference(Plain, received), StringComparison.Ordinal);
        Assert.Contains("'x-max-length'", Difference(Quorum(), Quorum().WithArgument("x-message-ttl", 1).WithArgument("x-max-length", 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void ExclusiveQueue_DeclaredDurable_CountsAsNotDurable()
        => Assert.Null(Difference(Plain.Exclusive().Durable(), Plain.Exclusive()));

    [Fact]
    public void Check_OfADifference_ThrowsAChannelError()
    {
        ChannelException error = Assert.Throws<ChannelException>(() => QueueEquivalence.Check("/", Plain, Plain.Durable()));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.EndsWith(". Declare it as it exists, or delete it first; settings that change belong into a policy.", error.Message, StringComparison.Ordinal);
    }

    private static QueueDeclaration Quorum() => Plain.Durable().WithArgument("x-queue-type", "quorum");

    private static string? Difference(QueueDeclaration existing, QueueDeclaration received)
        => QueueEquivalence.FindDifference("v", existing, received)?.ReplyText;

    private static string Inequivalent(string argument, string received, string current)
        => $"PRECONDITION_FAILED - inequivalent arg '{argument}' for queue 'q' in vhost 'v': received {received} but current is {current}";
}
