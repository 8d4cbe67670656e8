namespace EmbeddedMq.Compliance;

/// <summary>Arguments of queues: validation, equivalence, and which queue type knows which.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class QueueArgumentCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Theory, AmqpItem("A3.16")]
    [InlineData(QueueArgument.MessageTtl, -1, "{value_negative,-1}")]
    [InlineData(QueueArgument.MessageTtl, "1", "\"expected integer, got longstr\"")]
    [InlineData(QueueArgument.Expires, -1, "{value_negative,-1}")]
    [InlineData(QueueArgument.Expires, 0, "{value_zero,0}")]
    [InlineData(QueueArgument.Expires, "1", "\"expected integer, got longstr\"")]
    [InlineData(QueueArgument.MaxLength, -1, "{value_negative,-1}")]
    [InlineData(QueueArgument.MaxLength, "1", "\"expected integer, got longstr\"")]
    [InlineData(QueueArgument.MaxLengthBytes, -1, "{value_negative,-1}")]
    [InlineData(QueueArgument.MaxPriority, 256, "{max_value_exceeded,256}")]
    [InlineData(QueueArgument.MaxPriority, -1, "{value_negative,-1}")]
    [InlineData(QueueArgument.MaxPriority, "1", "\"expected integer, got longstr\"")]
    [InlineData(QueueArgument.Overflow, "foo", "invalid_overflow")]
    [InlineData(QueueArgument.Overflow, 1, "{unacceptable_type,signedint}")]
    [InlineData(QueueArgument.DeadLetterRoutingKey, "key", "routing_key_but_no_dlx_defined")]
    [InlineData("x-queue-mode", "foo", "\"unsupported queue mode 'foo'\"")]
    public async Task Argument_BadValue_Is406WithReason(string argument, object value, string reason)
    {
        string queue = Name("q");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid arg '{argument}' for {QueueIn(queue)}: {reason}",
            c => c.DeclareQueueAsync(queue, q => q.WithArgument(argument, value)));
        Assert.False(await QueueExistsAsync(queue));
    }

    [Fact, AmqpItem("A3.16")]
    public async Task QueueType_Unknown_Is406()
    {
        string queue = Name("q");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid arg 'x-queue-type' for {QueueIn(queue)}: \"unsupported queue type 'foo'\"",
            c => c.DeclareQueueAsync(queue, q => q.WithArgument(QueueArgument.QueueType, "foo")));
    }

    [Fact, AmqpItem("A3.22")]
    public async Task DeadLetterExchange_OfWrongType_Is406()
    {
        string queue = Name("q");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid type 'signedint' for arg 'x-dead-letter-exchange' in {QueueIn(queue)}",
            c => c.DeclareQueueAsync(queue, q => q.WithArgument(QueueArgument.DeadLetterExchange, 1)));
    }

    [Fact, AmqpItem("A3.22")]
    public async Task DeadLetterExchange_DoesNotExist_IsAccepted()
        => await DeclareQueueAsync(q => q.DeadLetterTo(Name("missing"), "key"));

    [Theory, AmqpItem("A3.21")]
    [InlineData(QueueArgument.MaxPriority, 0)]
    [InlineData(QueueArgument.MaxPriority, 255)]
    [InlineData(QueueArgument.MaxLength, 0)]
    [InlineData(QueueArgument.MaxLengthBytes, 0)]
    [InlineData(QueueArgument.MessageTtl, 0)]
    [InlineData("x-queue-mode", "lazy")]
    [InlineData("x-queue-mode", "default")]
    [InlineData("x-queue-version", 2)]
    [InlineData(QueueArgument.QueueType, "classic")]
    [InlineData(QueueArgument.SingleActiveConsumer, false)]
    public async Task Argument_AtItsLimit_IsAccepted(string argument, object value)
        => Assert.True(await QueueExistsAsync(await DeclareQueueAsync(q => q.WithArgument(argument, value))));

    [Fact, AmqpItem("A3.9")]
    public async Task Redeclare_WithOtherValue_Is406NamingBoth()
    {
        string queue = await DeclareExactlyAsync(q => q.WithArgument(QueueArgument.MessageTtl, 1000).DeadLetterTo("x", "key"));
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'x-message-ttl' for {QueueIn(queue)}: received '2000' but current is '1000'",
            c => c.DeclareQueueAsync(queue, q => q.WithArgument(QueueArgument.MessageTtl, 2000).DeadLetterTo("x", "key")));
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'x-dead-letter-routing-key' for {QueueIn(queue)}: received 'other' but current is 'key'",
            c => c.DeclareQueueAsync(queue, q => q.WithArgument(QueueArgument.MessageTtl, 1000).DeadLetterTo("x", "other")));
    }

    [Fact, AmqpItem("A3.10")]
    public async Task Redeclare_OneSideWithoutTheArgument_Is406NamingItsType()
    {
        string without = await DeclareExactlyAsync();
        (object Value, string Text)[] cases = [(1000, "the value '1000' of type 'signedint'"), (1000L, "the value '1000' of type 'long'")];
        foreach ((object value, string text) in cases)
        {
            await ExpectChannelErrorAsync(
                ReplyCode.PreconditionFailed,
                $"inequivalent arg 'x-message-ttl' for {QueueIn(without)}: received {text} but current is none",
                c => c.DeclareQueueAsync(without, q => q.WithArgument(QueueArgument.MessageTtl, value)));
        }

        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'x-dead-letter-exchange' for {QueueIn(without)}: received the value 'x' of type 'longstr' but current is none",
            c => c.DeclareQueueAsync(without, q => q.WithArgument(QueueArgument.DeadLetterExchange, "x")));
        string with = await DeclareExactlyAsync(q => q.SingleActiveConsumer());
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'x-single-active-consumer' for {QueueIn(with)}: received none but current is the value 'true' of type 'bool'",
            c => c.DeclareQueueAsync(with));
    }

    [Fact, AmqpItem("A3.11")]
    public async Task Redeclare_IntegerOfOtherWidth_IsEqual()
    {
        string queue = await DeclareExactlyAsync(q => q.WithArgument(QueueArgument.MessageTtl, 100));
        foreach (object value in (object[])[(sbyte)100, (byte)100, (short)100, (ushort)100, 100, 100u, 100L])
        {
            await Channel.DeclareQueueAsync(queue, q => q.WithArgument(QueueArgument.MessageTtl, value));
        }
    }

    [Fact, AmqpItem("A3.11")]
    public async Task Redeclare_QueueTypeLeftOut_EqualsClassic()
    {
        string without = await DeclareExactlyAsync();
        await Channel.DeclareQueueAsync(without, q => q.WithArgument(QueueArgument.QueueType, "classic"));
        string with = await DeclareExactlyAsync(q => q.WithArgument(QueueArgument.QueueType, "classic"));
        await Channel.DeclareQueueAsync(with);
    }

    [Fact, AmqpItem("A3.7"), AmqpItem("A3.19"), OftenGotWrong("equivalence only over known arguments")]
    public async Task UnknownArguments_DifferOnRedeclare_AreIgnored()
    {
        string queue = await DeclareExactlyAsync(q => q.WithArgument("x-foo", 1).WithArgument("x-ha-policy", "all").WithArgument("foo", "bar"));
        await Channel.DeclareQueueAsync(queue, q => q.WithArgument("x-foo", 2).WithArgument("x-bar", HeaderTable.Of("k", 1)));
        await Channel.DeclareQueueAsync(queue);
    }

    [Fact, AmqpItem("A3.19")]
    public async Task UnknownArguments_Declared_AreShown()
    {
        Require(EngineCapabilities.Listings);
        string queue = await DeclareQueueAsync(q => q.WithArgument("x-ha-policy", "all").WithArgument("foo", 1));
        QueueDescription description = Assert.Single(await Broker.Management.ListQueuesAsync(VirtualHost), q => q.Name == queue);
        Assert.Equal("all", description.Declaration.Arguments["x-ha-policy"]);
        Assert.True(HeaderTable.TryGetInteger(description.Declaration.Arguments["foo"], out long foo) && foo == 1);
    }

    [Theory, AmqpItem("A3.17")]
    [InlineData("x-max-age", "1h")]
    [InlineData("x-dead-letter-strategy", "at-most-once")]
    [InlineData("x-quorum-initial-group-size", 3)]
    [InlineData("x-stream-max-segment-size-bytes", 1000)]
    public async Task ClassicQueue_ArgumentOfAnotherType_Is406(string argument, object value)
    {
        string queue = Name("q");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid arg '{argument}' for {QueueIn(queue)} of queue type rabbit_classic_queue",
            c => c.DeclareQueueAsync(queue, q => q.WithArgument(argument, value)));
    }

    [Theory, AmqpItem("A3.17"), AmqpItem("A3.18")]
    [InlineData("x-queue-mode", "lazy")]
    [InlineData("x-queue-version", 2)]
    [InlineData("x-max-age", "1h")]
    public async Task QuorumQueue_ArgumentOfAnotherType_Is406(string argument, object value)
    {
        string queue = Name("q");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid arg '{argument}' for {QueueIn(queue)} of queue type rabbit_quorum_queue",
            c => c.DeclareQueueAsync(queue, q => q.Durable().WithArgument(QueueArgument.QueueType, "quorum").WithArgument(argument, value)));
    }

    [Fact, AmqpItem("A3.18")]
    public async Task QuorumQueue_WithItsArguments_IsAccepted()
        => await DeclareQueueAsync(q => q.Durable()
            .WithArgument(QueueArgument.QueueType, "quorum")
            .WithArgument("x-dead-letter-strategy", "at-most-once")
            .WithArgument("x-quorum-initial-group-size", 1)
            .WithArgument("x-max-in-memory-length", 10)
            .ExpiresAfter(TimeSpan.FromHours(1))
            .MaxLength(10)
            .DeadLetterTo("dead")
            .SingleActiveConsumer()
            .WithDeliveryLimit(3)
            .WithMessageTtl(TimeSpan.FromHours(1)));

    [Fact, AmqpItem("A3.20")]
    public async Task QuorumQueue_NotDurableOrExclusiveOrAutoDelete_Is406()
    {
        string queue = Name("q");
        QueueDeclaration quorum = new QueueDeclaration(queue).WithArgument(QueueArgument.QueueType, "quorum");
        (QueueDeclaration Declaration, string Property)[] cases =
        [
            (quorum, "non-durable"), (quorum.Durable().AutoDelete(), "auto-delete"), (quorum.Durable().Exclusive(), "exclusive-owner"),
        ];
        foreach ((QueueDeclaration declaration, string property) in cases)
        {
            await ExpectChannelErrorAsync(
                ReplyCode.PreconditionFailed, $"invalid property '{property}' for {QueueIn(queue)}", c => c.DeclareQueueAsync(declaration));
        }
    }

    [Fact]
    [DeliberateDifference("Priorities are offered on every queue type; RabbitMQ refuses x-max-priority on quorum queues.")]
    public async Task QuorumQueue_WithPriorities_Orders()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().WithArgument(QueueArgument.QueueType, "quorum").WithMaxPriority(5));
        await PublishAsync("", queue, "low", new MessageProperties { Priority = 1 });
        await PublishAsync("", queue, "high", new MessageProperties { Priority = 5 });
        await ExpectMessagesAsync(queue, "high", "low");
    }
}
