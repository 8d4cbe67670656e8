namespace EmbeddedMq.Compliance;

/// <summary>Declaring and deleting exchanges: names, equivalence, auto-delete.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ExchangeDeclareCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Theory, AmqpItem("A2.1")]
    [InlineData("amq.direct", ExchangeType.Direct)]
    [InlineData("amq.fanout", ExchangeType.Fanout)]
    [InlineData("amq.topic", ExchangeType.Topic)]
    [InlineData("amq.headers", ExchangeType.Headers)]
    [InlineData("amq.match", ExchangeType.Headers)]
    public async Task PredeclaredExchange_DeclaredWithEqualProperties_Succeeds(string exchange, string type)
    {
        await Channel.DeclareExchangePassiveAsync(exchange);
        await Channel.DeclareExchangeAsync(exchange, type, e => e.Durable());
    }

    [Fact, AmqpItem("A2.1")]
    public async Task TraceExchange_Predeclared_IsAnInternalTopic()
        => await Channel.DeclareExchangeAsync("amq.rabbitmq.trace", ExchangeType.Topic, e => e.Durable().Internal());

    [Fact, AmqpItem("A2.3")]
    public Task PredeclaredExchange_DeclaredUnequal_Is406()
        => ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'durable' for {ExchangeIn("amq.direct")}: received 'false' but current is 'true'",
            c => c.DeclareExchangeAsync("amq.direct", ExchangeType.Direct));

    [Fact, AmqpItem("A2.2")]
    public async Task DefaultExchange_DeclaredBoundUnboundOrDeleted_Is403()
    {
        string queue = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        Func<IChannel, ValueTask>[] actions =
        [
            c => c.DeclareExchangeAsync("", ExchangeType.Direct, e => e.Durable()),
            c => c.DeclareExchangePassiveAsync(""),
            c => c.DeleteExchangeAsync(""),
            c => c.BindQueueAsync(queue, "", "key"),
            c => c.UnbindQueueAsync(queue, "", queue),
            c => c.BindExchangeAsync(exchange, "", "key"),
            c => c.BindExchangeAsync("", exchange, "key"),
            c => c.UnbindExchangeAsync(exchange, "", "key"),
        ];
        foreach (Func<IChannel, ValueTask> action in actions)
        {
            await ExpectChannelErrorAsync(ReplyCode.AccessRefused, "operation not permitted on the default exchange", action);
        }
    }

    [Fact, AmqpItem("A2.3")]
    public async Task ReservedName_Declared_Is403()
        => await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, "exchange name 'amq.foo' contains reserved prefix 'amq.*'", c => c.DeclareExchangeAsync("amq.foo", ExchangeType.Direct));

    [Fact, AmqpItem("A2.3")]
    public async Task PredeclaredExchange_Deleted_Is403()
        => await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, $"deletion of system {ExchangeIn("amq.direct")} not allowed", c => c.DeleteExchangeAsync("amq.direct"));

    [Fact, AmqpItem("A2.4"), OftenGotWrong("which errors close the connection and which the channel")]
    [DeliberateDifference("An unknown exchange type is a channel error 406 as in RabbitMQ 4; RabbitMQ 3 closed the connection with 503.")]
    public async Task UnknownType_Declared_Is406()
    {
        string exchange = Name("x");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, "unknown exchange type 'no-such-type'", c => c.DeclareExchangeAsync(exchange, "no-such-type"));
        Assert.False(await ExchangeExistsAsync(exchange));
    }

    [Fact, AmqpItem("A2.4")]
    [DeliberateDifference("An unknown exchange type is a channel error 406 as in RabbitMQ 4; RabbitMQ 3 closed the connection with 503.")]
    public async Task UnknownType_OfANameThatIsRefusedOrTaken_IsToldFirst()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        foreach (string name in new[] { "", "amq.foo", "amq.direct", exchange })
        {
            await ExpectChannelErrorAsync(
                ReplyCode.PreconditionFailed, "unknown exchange type 'no-such-type'", c => c.DeclareExchangeAsync(name, "no-such-type"));
        }
    }

    [Fact, AmqpItem("A2.5")]
    public async Task Redeclare_WithEqualProperties_Succeeds()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Topic, e => e.Durable().AlternateExchange("elsewhere"));
        await Channel.DeclareExchangeAsync(exchange, ExchangeType.Topic, e => e.Durable().AlternateExchange("elsewhere"));
    }

    [Fact, AmqpItem("A2.5")]
    public async Task Redeclare_WithOtherProperty_Is406NamingIt()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        ExchangeDeclaration declaration = new(exchange, ExchangeType.Direct);
        (string Text, ExchangeDeclaration Declaration)[] cases =
        [
            ($"inequivalent arg 'type' for {ExchangeIn(exchange)}: received 'fanout' but current is 'direct'", declaration with { Type = ExchangeType.Fanout }),
            ($"inequivalent arg 'durable' for {ExchangeIn(exchange)}: received 'true' but current is 'false'", declaration.Durable()),
            ($"inequivalent arg 'auto_delete' for {ExchangeIn(exchange)}: received 'true' but current is 'false'", declaration.AutoDelete()),
            ($"inequivalent arg 'internal' for {ExchangeIn(exchange)}: received 'true' but current is 'false'", declaration.Internal()),
            ($"inequivalent arg 'alternate-exchange' for {ExchangeIn(exchange)}: received the value 'ae' of type 'longstr' but current is none", declaration.AlternateExchange("ae")),
        ];
        foreach ((string text, ExchangeDeclaration unequal) in cases)
        {
            await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, text, c => c.DeclareExchangeAsync(unequal));
        }
    }

    [Fact, AmqpItem("A2.5")]
    public async Task Redeclare_WithOtherAlternateExchange_Is406()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange("a"));
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'alternate-exchange' for {ExchangeIn(exchange)}: received 'b' but current is 'a'",
            c => c.DeclareExchangeAsync(exchange, ExchangeType.Direct, e => e.AlternateExchange("b")));
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'alternate-exchange' for {ExchangeIn(exchange)}: received none but current is the value 'a' of type 'longstr'",
            c => c.DeclareExchangeAsync(exchange, ExchangeType.Direct));
    }

    [Fact, AmqpItem("A2.5"), OftenGotWrong("equivalence only over known arguments")]
    public async Task Redeclare_WithOtherUnknownArgument_Succeeds()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.WithArgument("x-foo", 1));
        await Channel.DeclareExchangeAsync(exchange, ExchangeType.Direct, e => e.WithArgument("x-foo", 2).WithArgument("x-bar", "new"));
        await Channel.DeclareExchangeAsync(exchange, ExchangeType.Direct);
    }

    [Fact, AmqpItem("A2.6"), OftenGotWrong("passive declare ignores everything but existence")]
    public async Task PassiveDeclare_ExchangeOfAnyKind_Succeeds()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Headers, e => e.Durable().AutoDelete().Internal());
        await Channel.DeclareExchangePassiveAsync(exchange);
    }

    [Fact, AmqpItem("A2.6")]
    public async Task PassiveDeclare_NoSuchExchange_Is404()
    {
        string exchange = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {ExchangeIn(exchange)}", c => c.DeclareExchangePassiveAsync(exchange));
    }

    [Fact, AmqpItem("A3.3")]
    public async Task Name_WithLineBreaks_IsStripped()
    {
        string exchange = Name("x");
        await Channel.DeclareExchangeAsync("\r" + exchange + "\r\n", ExchangeType.Fanout);
        Assert.True(await ExchangeExistsAsync(exchange));
        await Channel.DeclareExchangePassiveAsync(exchange + "\n");
        await Channel.DeleteExchangeAsync("\n" + exchange);
        Assert.False(await ExchangeExistsAsync(exchange));
    }

    [Fact, AmqpItem("A2.7"), OftenGotWrong("unbind and delete of missing things succeed")]
    public async Task Delete_NoSuchExchange_Succeeds()
    {
        await Channel.DeleteExchangeAsync(Name("missing"));
        await Channel.DeleteExchangeAsync(Name("missing"), ifUnused: true);
    }

    [Fact, AmqpItem("A2.7")]
    public async Task DeleteIfUnused_WithBindingAsSource_Is406()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string queue = await DeclareBoundQueueAsync(exchange);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"{ExchangeIn(exchange)} in use", c => c.DeleteExchangeAsync(exchange, ifUnused: true));
        await Channel.UnbindQueueAsync(queue, exchange, "");
        await Channel.DeleteExchangeAsync(exchange, ifUnused: true);
        Assert.False(await ExchangeExistsAsync(exchange));
    }

    [Fact, AmqpItem("A2.7")]
    public async Task DeleteIfUnused_WithBindingAsDestinationOnly_Deletes()
    {
        string source = await DeclareExchangeAsync(ExchangeType.Fanout);
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        await Channel.BindExchangeAsync(exchange, source, "");
        await Channel.DeleteExchangeAsync(exchange, ifUnused: true);
        Assert.False(await ExchangeExistsAsync(exchange));
    }

    [Fact, AmqpItem("A2.8"), OftenGotWrong("auto-delete exchange counts bindings as source and cascades")]
    public async Task AutoDelete_LastBindingAsSourceUnbound_Goes()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AutoDelete());
        string queue = await DeclareQueueAsync();
        await Channel.BindQueueAsync(queue, exchange, "a");
        await Channel.BindQueueAsync(queue, exchange, "b");
        await Channel.UnbindQueueAsync(queue, exchange, "a");
        Assert.True(await ExchangeExistsAsync(exchange));
        await Channel.UnbindQueueAsync(queue, exchange, "b");
        Assert.False(await ExchangeExistsAsync(exchange));
    }

    [Fact, AmqpItem("A2.8"), OftenGotWrong("auto-delete exchange counts bindings as source and cascades")]
    public async Task AutoDelete_NeverASource_Stays()
    {
        string source = await DeclareExchangeAsync(ExchangeType.Fanout);
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.AutoDelete());
        await Channel.UnbindQueueAsync(Name("missing"), exchange, "");
        await Channel.BindExchangeAsync(exchange, source, "");
        await Channel.UnbindExchangeAsync(exchange, source, "");
        Assert.True(await ExchangeExistsAsync(exchange));
    }

    [Fact, AmqpItem("A2.8")]
    public async Task AutoDelete_LastBoundQueueDeleted_Goes()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.AutoDelete());
        string queue = await DeclareBoundQueueAsync(exchange);
        await Channel.DeleteQueueAsync(queue);
        await ExpectExchangeGoneAsync(exchange);
    }

    [Fact, AmqpItem("A2.8")]
    public async Task AutoDelete_LastBoundQueueGoesWithItsConnection_Goes()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.AutoDelete());
        IConnection connection = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: connection);
        QueueDeclared queue = await channel.DeclareQueueAsync("", q => q.Exclusive());
        await channel.BindQueueAsync(queue.Name, exchange, "");
        await connection.CloseAsync();
        await ExpectExchangeGoneAsync(exchange);
    }

    [Fact, AmqpItem("A2.8"), OftenGotWrong("auto-delete exchange counts bindings as source and cascades")]
    public async Task AutoDelete_DestinationExchangeDeleted_CascadesUpTheChain()
    {
        string first = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.AutoDelete());
        string second = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.AutoDelete());
        string queue = await DeclareBoundQueueAsync(second);
        await Channel.BindExchangeAsync(second, first, "");
        await Channel.DeleteQueueAsync(queue);
        await ExpectExchangeGoneAsync(second);
        await ExpectExchangeGoneAsync(first);
    }
}
