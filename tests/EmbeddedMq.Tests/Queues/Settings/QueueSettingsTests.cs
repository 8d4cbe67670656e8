using EmbeddedMq.Queues;

namespace EmbeddedMq.Tests.Queues.Settings;

public sealed class QueueSettingsTests
{
    [Fact]
    public void NoPolicy_LeavesTheSettingsAsTheyAre()
    {
        QueueSettings settings = new() { MaxLength = 5 };

        Assert.Same(settings, settings.Under(null));
    }

    [Theory]
    [InlineData(5, 2, 2)]
    [InlineData(5, 8, 5)]
    [InlineData(null, 8, 8)]
    [InlineData(5, null, 5)]
    [InlineData(null, null, null)]
    public void Number_FromArgumentAndPolicy_IsTheSmaller(int? argument, int? policy, int? expected)
    {
        QueueSettings settings = new() { MessageTtlMs = argument, ExpiresMs = argument, MaxLength = argument, MaxLengthBytes = argument, DeliveryLimit = argument };
        string[] keys = ["message-ttl", "expires", "max-length", "max-length-bytes", "delivery-limit"];
        HeaderTable definition = policy is null ? HeaderTable.Empty : new HeaderTable(keys.Select(key => KeyValuePair.Create(key, (object?)policy)));

        QueueSettings effective = settings.Under(new Policy("p", ".*", definition));

        Assert.Equal(
            [expected, expected, expected, expected, expected],
            new[] { effective.MessageTtlMs, effective.ExpiresMs, effective.MaxLength, effective.MaxLengthBytes, effective.DeliveryLimit });
    }

    [Fact]
    public void DeadLetterSettings_FromArgument_WinEachForItself()
    {
        Policy policy = PolicyOf(("dead-letter-exchange", "policy-exchange"), ("dead-letter-routing-key", "policy-key"));

        QueueSettings argumentsHaveExchange = new QueueSettings { DeadLetterExchange = "argument-exchange" }.Under(policy);

        Assert.Equal(("argument-exchange", "policy-key"), (argumentsHaveExchange.DeadLetterExchange, argumentsHaveExchange.DeadLetterRoutingKey));
        Assert.Equal("policy-exchange", QueueSettings.Default.Under(policy).DeadLetterExchange);
    }

    [Fact]
    public void Overflow_DeclaredOnAClassicQueue_WinsEvenAsTheDefault()
    {
        Policy policy = PolicyOf(("overflow", "reject-publish"));

        Assert.Equal(Overflow.DropHead, QueueArguments.Parse("/", new QueueDeclaration("q").WithArgument("x-overflow", "drop-head")).Under(policy).Overflow);
        Assert.Equal(Overflow.RejectPublish, QueueSettings.Default.Under(policy).Overflow);
    }

    [Fact]
    public void Overflow_OfAQuorumQueue_IsThePolicys()
    {
        QueueSettings declared = new() { Kind = QueueKind.Quorum, Overflow = Overflow.RejectPublish, IsOverflowDeclared = true };

        Assert.Equal(Overflow.BlockPublisher, declared.Under(PolicyOf(("overflow", "block-publisher"))).Overflow);
        Assert.Equal(Overflow.DropHead, declared.Under(PolicyOf(("overflow", "reject-publish-dlx"))).Overflow);
    }

    [Fact]
    public void DeliveryLimit_NegativeInThePolicy_LosesAgainstAnyLimit()
    {
        Policy unlimited = PolicyOf(("delivery-limit", -1));

        Assert.Equal(3, new QueueSettings { DeliveryLimit = 3 }.Under(unlimited).DeliveryLimit);
        Assert.Null(QueueSettings.Default.Under(unlimited).DeliveryLimit);
    }

    [Fact]
    public void PriorityAndSingleActiveConsumer_ComeFromTheDeclarationOnly()
    {
        QueueSettings effective = QueueSettings.Default.Under(PolicyOf(("max-priority", 5), ("single-active-consumer", true)));

        Assert.Equal((0, false), (effective.MaxPriority, effective.SingleActiveConsumer));
    }

    private static Policy PolicyOf(params (string Key, object? Value)[] definition)
        => new("p", ".*", new HeaderTable(definition.Select(entry => KeyValuePair.Create(entry.Key, entry.Value))));
}
