using EmbeddedMq.Queues;

namespace EmbeddedMq.Tests.Queues.Settings;

public sealed class QueueArgumentsTests
{
    public static TheoryData<string, object?, string> InvalidValues => new()
    {
        { "x-message-ttl", -1, "{value_negative,-1}" },
        { "x-message-ttl", "1000", "\"expected integer, got longstr\"" },
        { "x-message-ttl", true, "\"expected integer, got bool\"" },
        { "x-message-ttl", 1.5, "\"expected integer, got double\"" },
        { "x-message-ttl", null, "\"expected integer, got void\"" },
        { "x-message-ttl", 315_360_000_001, "{value_too_large,315360000001}" },
        { "x-expires", 0, "{value_zero,0}" },
        { "x-expires", -5L, "{value_negative,-5}" },
        { "x-expires", 315_360_000_001, "{value_too_large,315360000001}" },
        { "x-dead-letter-routing-key", "key", "routing_key_but_no_dlx_defined" },
        { "x-dead-letter-routing-key", 1, "{unacceptable_type,signedint}" },
        { "x-max-length", -1, "{value_negative,-1}" },
        { "x-max-length", "many", "\"expected integer, got longstr\"" },
        { "x-max-length-bytes", (short)-2, "{value_negative,-2}" },
        { "x-max-priority", 256, "{max_value_exceeded,256}" },
        { "x-max-priority", -1, "{value_negative,-1}" },
        { "x-overflow", "drop-tail", "invalid_overflow" },
        { "x-overflow", 1, "{unacceptable_type,signedint}" },
        { "x-queue-mode", "foo", "\"unsupported queue mode 'foo'\"" },
        { "x-queue-version", 3, "\"unsupported queue version '3'\"" },
        { "x-single-active-consumer", "true", "{unacceptable_type,longstr}" },
        { "x-queue-type", "foo", "\"unsupported queue type 'foo'\"" },
        { "x-queue-type", "stream", "\"unsupported queue type 'stream'\"" },
        { "x-queue-type", 1L, "{unacceptable_type,long}" },
        { "x-delivery-limit", "5", "\"expected integer, got longstr\"" },
    };

    public static TheoryData<string, object> ArgumentsOfQuorumOrStream => new()
    {
        { "x-max-age", "1h" },
        { "x-dead-letter-strategy", "at-least-once" },
        { "x-quorum-initial-group-size", 3 },
        { "x-max-in-memory-length", 1 },
        { "x-stream-max-segment-size-bytes", 1 },
    };

    [Theory]
    [MemberData(nameof(InvalidValues))]
    public void Argument_OfInvalidValue_IsRefusedWithTheReason(string argument, object? value, string reason)
    {
        QueueDeclaration declaration = new QueueDeclaration("q").WithArgument(argument, value);

        ChannelException error = Assert.Throws<ChannelException>(() => QueueArguments.Parse("/", declaration));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - invalid arg '{argument}' for queue 'q' in vhost '/': {reason}", error.ReplyText);
        Assert.Equal("q", error.Subject);
        Assert.StartsWith(error.ReplyText + ". Give ", error.Message);
    }

    [Fact]
    public void DeadLetterExchange_IsNoString_IsRefusedBeforeAllElse()
    {
        QueueDeclaration declaration = new QueueDeclaration("q").WithArgument("x-queue-type", "foo").WithArgument("x-dead-letter-exchange", 1);

        ChannelException error = Assert.Throws<ChannelException>(() => QueueArguments.Parse("v", declaration));

        Assert.Equal("PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost 'v'", error.ReplyText);
    }

    [Theory]
    [MemberData(nameof(ArgumentsOfQuorumOrStream))]
    public void Argument_OfAnotherQueueType_IsRefusedForAClassicQueue(string argument, object value)
    {
        ChannelException error = Assert.Throws<ChannelException>(() => QueueArguments.Parse("/", new QueueDeclaration("q").WithArgument(argument, value)));

        Assert.Equal($"PRECONDITION_FAILED - invalid arg '{argument}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue", error.ReplyText);
    }

    [Theory]
    [InlineData("x-queue-mode", "lazy")]
    [InlineData("x-queue-version", 2)]
    [InlineData("x-queue-master-locator", "min-masters")]
    [InlineData("x-max-age", "1h")]
    public void Argument_OfAnotherQueueType_IsRefusedForAQuorumQueue(string argument, object value)
    {
        ChannelException error = Assert.Throws<ChannelException>(() => QueueArguments.Parse("/", Quorum("q").WithArgument(argument, value)));

        Assert.Equal($"PRECONDITION_FAILED - invalid arg '{argument}' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue", error.ReplyText);
    }

    [Fact]
    public void QuorumQueue_OfForbiddenFlags_IsRefusedWithTheFirstInRabbitMqsOrder()
    {
        QueueDeclaration transient = new QueueDeclaration("q").WithArgument("x-queue-type", "quorum");

        Assert.Equal("PRECONDITION_FAILED - invalid property 'auto-delete' for queue 'q' in vhost '/'", FaultOf(transient.Exclusive().AutoDelete()));
        Assert.Equal("PRECONDITION_FAILED - invalid property 'exclusive-owner' for queue 'q' in vhost '/'", FaultOf(transient.Exclusive()));
        Assert.Equal("PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost '/'", FaultOf(transient));
        Assert.Null(QueueArguments.FindFault("/", transient.Durable()));
    }

    [Fact]
    public void ServerName_ForAQuorumQueue_IsRefused()
    {
        Assert.Equal(
            "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue",
            QueueArguments.FindFaultOfServerName(Quorum(""))?.ReplyText);
        Assert.Null(QueueArguments.FindFaultOfServerName(new QueueDeclaration()));
    }

    [Fact]
    public void Declaration_OfEveryArgument_IsReadWhole()
    {
        QueueDeclaration declaration = new QueueDeclaration("q")
            .WithArgument("x-message-ttl", (byte)200)
            .WithArgument("x-expires", 60_000L)
            .WithArgument("x-max-length", (ushort)10)
            .WithArgument("x-max-length-bytes", 1_000u)
            .WithArgument("x-overflow", "block-publisher")
            .WithArgument("x-dead-letter-exchange", "")
            .WithArgument("x-dead-letter-routing-key", "dead")
            .WithArgument("x-max-priority", 255)
            .WithArgument("x-single-active-consumer", true)
            .WithArgument("x-delivery-limit", 3)
            .WithArgument("x-queue-type", "classic")
            .WithArgument("x-queue-mode", "lazy")
            .WithArgument("x-ha-policy", "all");

        QueueSettings settings = QueueArguments.Parse("/", declaration);

        QueueSettings expected = new()
        {
            Kind = QueueKind.Classic,
            MessageTtlMs = 200,
            ExpiresMs = 60_000,
            MaxLength = 10,
            MaxLengthBytes = 1_000,
            Overflow = Overflow.BlockPublisher,
            IsOverflowDeclared = true,
            DeadLetterExchange = "",
            DeadLetterRoutingKey = "dead",
            MaxPriority = 255,
            SingleActiveConsumer = true,
            DeliveryLimit = 3,
        };
        Assert.Equal(expected, settings);
    }

    [Fact]
    public void Declaration_WithoutArguments_GivesTheDefaults()
        => Assert.Equal(QueueSettings.Default, QueueArguments.Parse("/", new QueueDeclaration("q")));

    [Theory]
    [InlineData("x-message-ttl", 0)]
    [InlineData("x-message-ttl", 315_360_000_000)]
    [InlineData("x-max-length", 0)]
    [InlineData("x-max-priority", 0)]
    [InlineData("x-expires", 1)]
    [InlineData("x-foo", "anything")]
    [InlineData("x-queue-leader-locator", "client-local")]
    public void Argument_AtItsBound_IsAccepted(string argument, object value)
        => Assert.Null(QueueArguments.FindFault("/", new QueueDeclaration("q").WithArgument(argument, value)));

    [Fact]
    public void DeliveryLimit_Negative_MeansNone()
        => Assert.Null(QueueArguments.Parse("/", new QueueDeclaration("q").WithArgument("x-delivery-limit", -1)).DeliveryLimit);

    [Fact]
    public void QuorumQueue_TakesPriorityAndDeliveryLimit()
    {
        QueueSettings settings = QueueArguments.Parse("/", Quorum("q").WithMaxPriority(9).WithDeliveryLimit(20));

        Assert.Equal((QueueKind.Quorum, 9, 20), (settings.Kind, settings.MaxPriority, settings.DeliveryLimit));
    }

    [Fact]
    public void RejectPublishDlx_OnAQuorumQueue_ActsAsDropHead()
    {
        Assert.Equal(Overflow.DropHead, QueueArguments.Parse("/", Quorum("q").MaxLength(1, Overflow.RejectPublishDeadLetter)).Overflow);
        Assert.Equal(Overflow.RejectPublish, QueueArguments.Parse("/", Quorum("q").MaxLength(1, Overflow.RejectPublish)).Overflow);
    }

    private static QueueDeclaration Quorum(string name) => new QueueDeclaration(name).Durable().WithArgument("x-queue-type", "quorum");

    private static string? FaultOf(QueueDeclaration declaration) => QueueArguments.FindFault("/", declaration)?.ReplyText;
}
