namespace EmbeddedMq.Compliance;

/// <summary>Bindings of queues and exchanges: identity, missing ends, exchange-to-exchange paths and cycles.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class BindingCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A2.20")]
    public async Task Bind_QueueAndExchangeMissing_NamesTheExchange()
    {
        string exchange = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {ExchangeIn(exchange)}", c => c.BindQueueAsync(Name("missing"), exchange, "k"));
    }

    [Fact, AmqpItem("A2.20")]
    public async Task Bind_NoSuchQueueOrExchange_Is404()
    {
        string queue = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string missing = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(missing)}", c => c.BindQueueAsync(missing, exchange, "k"));
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {ExchangeIn(missing)}", c => c.BindQueueAsync(queue, missing, "k"));
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {ExchangeIn(missing)}", c => c.BindExchangeAsync(missing, exchange, "k"));
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {ExchangeIn(missing)}", c => c.BindExchangeAsync(exchange, missing, "k"));
    }

    [Fact, AmqpItem("A2.20"), OftenGotWrong("unbind and delete of missing things succeed")]
    public async Task Unbind_AnythingMissing_Succeeds()
    {
        string queue = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string missing = Name("missing");
        await Channel.UnbindQueueAsync(queue, exchange, "no such binding");
        await Channel.UnbindQueueAsync(missing, exchange, "k");
        await Channel.UnbindQueueAsync(queue, missing, "k");
        await Channel.UnbindExchangeAsync(exchange, exchange, "no such binding");
        await Channel.UnbindExchangeAsync(missing, exchange, "k");
        await Channel.UnbindExchangeAsync(exchange, missing, "k");
        Assert.True(Channel.IsOpen);
    }

    [Fact, AmqpItem("A2.19")]
    public async Task Binding_BoundAgainIdentically_IsOneBinding()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareBoundQueueAsync(exchange, "k", HeaderTable.Of("a", 1));
        await Channel.BindQueueAsync(queue, exchange, "k", HeaderTable.Of("a", 1));
        await Channel.UnbindQueueAsync(queue, exchange, "k", HeaderTable.Of("a", 1));
        await PublishAsync(exchange, "k", "lost");
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A2.19")]
    public async Task Binding_SameKeyOtherArguments_IsASecondBinding()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareBoundQueueAsync(exchange, "k");
        await Channel.BindQueueAsync(queue, exchange, "k", HeaderTable.Of("a", 1));

        await Channel.UnbindQueueAsync(queue, exchange, "k");
        await PublishAsync(exchange, "k", "through the second");
        await Channel.UnbindQueueAsync(queue, exchange, "k", HeaderTable.Of("a", 2));
        await PublishAsync(exchange, "k", "still through the second");
        await Channel.UnbindQueueAsync(queue, exchange, "k", HeaderTable.Of("a", 1));
        await PublishAsync(exchange, "k", "lost");
        await ExpectMessagesAsync(queue, "through the second", "still through the second");
    }

    [Fact, AmqpItem("A2.20"), AmqpItem("A14.2")]
    public async Task Binding_MadeAndRemoved_IsVisibleToOtherConnectionsAtOnce()
    {
        IChannel other = await OpenChannelAsync(connection: await ConnectAsync());
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareBoundQueueAsync(exchange, "k");
        Assert.Equal(PublishOutcome.Confirmed, (await other.TryPublishAsync(exchange, "k", Message.Text("in"), PublishFlags.Mandatory)).Outcome);
        await Channel.UnbindQueueAsync(queue, exchange, "k");
        Assert.Equal(PublishOutcome.Returned, (await other.TryPublishAsync(exchange, "k", Message.Text("out"), PublishFlags.Mandatory)).Outcome);
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A2.19")]
    public async Task Queue_DeletedAndDeclaredAgain_HasNoBindings()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string queue = await DeclareBoundQueueAsync(exchange);
        await Channel.DeleteQueueAsync(queue);
        await Channel.DeclareQueueAsync(queue);
        await PublishAsync(exchange, "", "lost");
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A2.7")]
    public async Task Exchange_DeletedAndDeclaredAgain_HasNoBindings()
    {
        string source = await DeclareExchangeAsync(ExchangeType.Fanout);
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string queue = await DeclareBoundQueueAsync(exchange);
        await Channel.BindExchangeAsync(exchange, source, "");
        await Channel.DeleteExchangeAsync(exchange);
        await Channel.DeclareExchangeAsync(exchange, ExchangeType.Fanout);
        await PublishAsync(exchange, "", "not to the queue");
        await Channel.BindQueueAsync(queue, exchange, "");
        await PublishAsync(source, "", "not from the source");
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A2.22")]
    public async Task ExchangeBinding_Matches_RoutesOnWithOriginalExchangeAndKey()
    {
        string source = await DeclareExchangeAsync(ExchangeType.Topic);
        string destination = await DeclareExchangeAsync(ExchangeType.Direct);
        await Channel.BindExchangeAsync(destination, source, "order.#");
        await Channel.BindExchangeAsync(destination, source, "order.#");
        string queue = await DeclareBoundQueueAsync(destination, "order.paid");

        await PublishAsync(source, "order.paid", "in");
        await PublishAsync(source, "order.shipped", "no binding at the destination");
        await PublishAsync(source, "invoice.paid", "no binding at the source");
        Delivery delivery = await GetAsync(queue);
        Assert.Equal((source, "order.paid", "in"), (delivery.Exchange, delivery.RoutingKey, delivery.Message.GetText()));

        await Channel.UnbindExchangeAsync(destination, source, "order.#");
        await PublishAsync(source, "order.paid", "unbound");
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A2.22")]
    public async Task ExchangeBindings_InACycle_EachQueueGetsOneMessage()
    {
        string first = await DeclareExchangeAsync(ExchangeType.Fanout);
        string second = await DeclareExchangeAsync(ExchangeType.Fanout);
        string third = await DeclareExchangeAsync(ExchangeType.Fanout);
        await Channel.BindExchangeAsync(second, first, "");
        await Channel.BindExchangeAsync(third, second, "");
        await Channel.BindExchangeAsync(first, third, "");
        await Channel.BindExchangeAsync(first, first, "");
        string atFirst = await DeclareBoundQueueAsync(first);
        string atThird = await DeclareBoundQueueAsync(third);
        foreach (string exchange in (string[])[first, second, third])
        {
            await PublishAsync(exchange, "", "once");
            await ExpectMessagesAsync(atFirst, "once");
            await ExpectMessagesAsync(atThird, "once");
        }
    }

    [Fact, AmqpItem("A3.4")]
    public async Task Bind_WithoutQueueName_MeansTheLastDeclared()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareQueueAsync();
        await Channel.BindQueueAsync("", exchange, "k");
        await PublishAsync(exchange, "k", "in");
        await Channel.UnbindQueueAsync("", exchange, "k");
        await PublishAsync(exchange, "k", "out");
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A3.4")]
    public async Task Bind_WithoutQueueNameAndKey_BindsUnderTheQueuesName()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareQueueAsync();
        await Channel.BindQueueAsync("", exchange, "");
        await PublishAsync(exchange, queue, "under its name");
        await PublishAsync(exchange, "", "under no key");
        await Channel.UnbindQueueAsync("", exchange, "");
        await PublishAsync(exchange, queue, "unbound");
        await ExpectMessagesAsync(queue, "under its name");
    }

    [Fact, AmqpItem("A3.4")]
    public async Task Bind_WithQueueNameAndEmptyKey_KeepsTheEmptyKey()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareBoundQueueAsync(exchange, "");
        await PublishAsync(exchange, queue, "under its name");
        await PublishAsync(exchange, "", "under no key");
        await ExpectMessagesAsync(queue, "under no key");
    }

    [Fact, AmqpItem("A3.3")]
    public async Task Bind_NamesWithLineBreaks_AreStripped()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareQueueAsync();
        await Channel.BindQueueAsync(queue + "\r\n", exchange + "\n", "k");
        await PublishAsync(exchange, "k", "in");
        await ExpectMessagesAsync(queue, "in");
    }
}
