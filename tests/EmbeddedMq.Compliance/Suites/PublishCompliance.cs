namespace EmbeddedMq.Compliance;

/// <summary>Publishing: properties, returns, copy keys, refusals.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class PublishCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Theory, AmqpItem("A6.1"), AmqpItem("A4.1"), AmqpItem("A6.6"), AmqpItem("A8.2")]
    [InlineData("soon", null, null)]
    [InlineData(null, "somebody else", null)]
    [InlineData(null, null, "amq.rabbitmq.reply-to")]
    public async Task Publish_MissingExchangeAndInvalidProperty_TheExchangeIsTheError(string? expiration, string? userId, string? replyTo)
    {
        string exchange = Name("missing");
        Message message = Message.Text("no", new MessageProperties { Expiration = expiration, UserId = userId, ReplyTo = replyTo });
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {ExchangeIn(exchange)}", c => c.PublishAsync(exchange, "k", message));
    }

    [Fact, AmqpItem("A6.6"), AmqpItem("A4.1")]
    public async Task Publish_OtherUserAndInvalidExpiration_TheUserIsTheError()
    {
        string queue = await DeclareQueueAsync();
        Message message = Message.Text("no", new MessageProperties { Expiration = "soon", UserId = "somebody else" });
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"user_id property set to 'somebody else' but authenticated user was '{Connection.UserName}'", c => c.PublishAsync("", queue, message));
    }

    [Fact, AmqpItem("A6.1")]
    public async Task Publish_NoSuchExchange_Is404()
    {
        string exchange = Name("missing");
        await ExpectChannelErrorAsync(
            ReplyCode.NotFound, $"no {ExchangeIn(exchange)}", c => c.PublishAsync(exchange, "k", Message.Text("m"), PublishFlags.Mandatory));
    }

    [Fact, AmqpItem("A6.1")]
    public async Task Publish_ExchangeDeletedMeanwhile_Is404()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        IChannel channel = await OpenChannelAsync();
        await channel.PublishAsync(exchange, "k", Message.Text("m"));
        await Channel.DeleteExchangeAsync(exchange);
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {ExchangeIn(exchange)}", c => c.PublishAsync(exchange, "k", Message.Text("m")), channel);
    }

    [Fact, AmqpItem("A6.2"), OftenGotWrong("return before its ack")]
    public async Task Mandatory_NoQueue_ComesBackUnchangedBeforeItsConfirm()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        Message message = Message.Text("back", new MessageProperties { MessageId = "id", Headers = HeaderTable.Of("x-dotnet-pub-seq-no", "1") });
        List<string> order = [];
        MessageReturnedEventArgs? returned = null;
        Channel.MessageReturned += (_, e) =>
        {
            returned = e;
            order.Add("return");
        };
        PublishResult result = await Channel.TryPublishAsync(exchange, "nowhere", message, PublishFlags.Mandatory);
        order.Add("confirm");

        Assert.Equal(["return", "confirm"], order);
        Assert.Equal((PublishOutcome.Returned, 1ul), (result.Outcome, result.SequenceNumber));
        Assert.NotNull(returned);
        Assert.Equal((ReplyCode.NoRoute, "NO_ROUTE"), (returned.ReplyCode, returned.ReplyText));
        Assert.Equal((exchange, "nowhere", "back", "id"), (returned.Exchange, returned.RoutingKey, returned.Message.GetText(), returned.Message.Properties.MessageId));
    }

    [Fact, AmqpItem("A6.10")]
    public async Task Mandatory_WithSequenceHeader_ComesBackWithIt()
    {
        MessageReturnedEventArgs? returned = null;
        Channel.MessageReturned += (_, e) => returned = e;
        MessageProperties properties = MessageProperties.Empty.WithHeader("x-dotnet-pub-seq-no", "17").WithHeader("mine", 4);
        await Channel.TryPublishAsync("amq.direct", Name("nowhere"), Message.Text("m", properties), PublishFlags.Mandatory);
        Assert.Equal(properties.Headers, returned?.Message.Headers);
    }

    [Fact, AmqpItem("A6.2")]
    public async Task Mandatory_NoQueueAndThrowingCall_ThrowsNoRoute()
    {
        PublishException error = await Assert.ThrowsAsync<PublishException>(
            async () => await Channel.PublishAsync("amq.direct", "nowhere", Message.Text("m"), PublishFlags.Mandatory));
        Assert.Equal((PublishOutcome.Returned, ReplyCode.NoRoute), (error.Result.Outcome, error.ReplyCode));
        Assert.True(Channel.IsOpen);
    }

    [Fact, AmqpItem("A6.2")]
    public async Task Mandatory_WithoutConfirms_JustComesBack()
    {
        IChannel plain = await OpenChannelAsync(ChannelMode.Plain);
        TaskCompletionSource<MessageReturnedEventArgs> returned = new();
        plain.MessageReturned += (_, e) => returned.TrySetResult(e);
        await plain.TryPublishAsync("", Name("missing"), Message.Text("back"), PublishFlags.Mandatory);
        Assert.Equal("back", (await SoonAsync(returned.Task)).Message.GetText());
        Assert.True(plain.IsOpen);
    }

    [Fact, AmqpItem("A6.2")]
    public async Task Mandatory_Routed_DoesNotComeBack()
    {
        string queue = await DeclareQueueAsync();
        bool returned = false;
        Channel.MessageReturned += (_, _) => returned = true;
        Assert.Equal(PublishOutcome.Confirmed, (await Channel.TryPublishAsync("", queue, Message.Text("in"), PublishFlags.Mandatory)).Outcome);
        Assert.False(returned);
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A6.2")]
    public async Task Mandatory_RoutedByACopyKeyOnly_DoesNotComeBack()
    {
        string queue = await DeclareQueueAsync();
        Message message = Message.Text("in", MessageProperties.Empty.WithHeader("CC", new object[] { queue }));
        Assert.Equal(PublishOutcome.Confirmed, (await Channel.TryPublishAsync("", Name("missing"), message, PublishFlags.Mandatory)).Outcome);
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A6.6")]
    public async Task UserId_NotTheConnections_Is406()
    {
        string queue = await DeclareQueueAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"user_id property set to 'bob' but authenticated user was '{Connection.UserName}'",
            c => c.PublishAsync("", queue, Message.Text("m", new MessageProperties { UserId = "bob" })));
        await PublishAsync("", queue, "mine", new MessageProperties { UserId = Connection.UserName });
        await ExpectMessagesAsync(queue, "mine");
    }

    [Fact, AmqpItem("A6.7")]
    public async Task CopyKeys_OnDirectTopicAndDefault_RouteCopiesUnderTheOriginalKey()
    {
        foreach (string type in (string[])[ExchangeType.Direct, ExchangeType.Topic, ""])
        {
            string exchange = type.Length == 0 ? "" : await DeclareExchangeAsync(type);
            string main = await DeclareQueueAsync();
            string copy = await DeclareQueueAsync();
            string blind = await DeclareQueueAsync();
            foreach (string queue in (string[])[main, copy, blind])
            {
                await (exchange.Length == 0 ? ValueTask.CompletedTask : Channel.BindQueueAsync(queue, exchange, queue));
            }

            MessageProperties properties = MessageProperties.Empty
                .WithHeader("CC", new object[] { copy, Name("nowhere") }).WithHeader("BCC", new object[] { blind }).WithHeader("h", 1);
            await PublishAsync(exchange, main, "m", properties);
            foreach (string queue in (string[])[main, copy, blind])
            {
                Delivery delivery = await GetAsync(queue);
                Assert.Equal((exchange, main), (delivery.Exchange, delivery.RoutingKey));
                Assert.Equal(properties.Headers!.Without("BCC"), delivery.Message.Headers);
                await ExpectMessagesAsync(queue);
            }
        }
    }

    [Fact, AmqpItem("A6.7")]
    public async Task CopyKeys_ItemsThatAreNotTexts_AreIgnored()
    {
        string queue = await DeclareQueueAsync();
        await PublishAsync("", Name("missing"), "m", MessageProperties.Empty.WithHeader("CC", new object?[] { 1, null, queue, true }));
        await ExpectMessagesAsync(queue, "m");
    }

    [Theory, AmqpItem("A6.7")]
    [InlineData("CC", "text", "longstr")]
    [InlineData("BCC", "text", "longstr")]
    [InlineData("CC", 1, "signedint")]
    public async Task CopyKeys_NotAList_Is406(string header, object value, string type)
    {
        string queue = await DeclareQueueAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid message: {{unacceptable_type_in_header,\"{header}\",{type}}}",
            c => c.PublishAsync("", queue, Message.Text("m", MessageProperties.Empty.WithHeader(header, value))));
    }

    [Fact, AmqpItem("A14.4")]
    public async Task Message_WithEveryProperty_ArrivesUnchanged()
    {
        string queue = await DeclareQueueAsync();
        MessageProperties sent = new()
        {
            ContentType = "application/octet-stream",
            ContentEncoding = "gzip",
            DeliveryMode = DeliveryMode.Transient,
            Priority = 9,
            CorrelationId = "correlation",
            ReplyTo = "reply",
            Expiration = "3600000",
            MessageId = "id",
            Timestamp = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
            Type = "type",
            UserId = Connection.UserName,
            AppId = "app",
            ClusterId = "cluster",
            Headers = EveryHeaderType(),
        };
        byte[] body = [0, 255, 128, 13, 10];
        await Channel.PublishAsync("", queue, new Message(body, sent));
        Delivery delivery = await GetAsync(queue);
        Assert.Equal(body, delivery.Body.ToArray());
        Assert.Equal(sent, delivery.Properties);
    }

    [Fact, AmqpItem("A14.4")]
    public async Task Message_WithoutProperties_ArrivesWithNone()
    {
        string queue = await DeclareQueueAsync();
        await Channel.PublishAsync("", queue, new Message([]));
        Delivery delivery = await GetAsync(queue);
        Assert.Equal(0, delivery.Body.Length);
        Assert.Equal(MessageProperties.Empty, delivery.Properties);
    }

    [Fact, AmqpItem("A14.4")]
    public async Task Message_OfAMebibyte_ArrivesWhole()
    {
        string queue = await DeclareQueueAsync();
        byte[] body = new byte[1 << 20];
        new Random(20240229).NextBytes(body);
        await Channel.PublishAsync("", queue, new Message(body));
        Assert.True((await GetAsync(queue)).Body.Span.SequenceEqual(body));
    }

    [Fact, AmqpItem("A2.21")]
    public async Task Message_RoutedToSeveralQueues_IsSettledInEachByItself()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string first = await DeclareBoundQueueAsync(exchange);
        string second = await DeclareBoundQueueAsync(exchange);
        await PublishAsync(exchange, "", "m");
        await ExpectMessagesAsync(first, "m");
        await Channel.NackAsync((await GetUnsettledAsync(Channel, second)).DeliveryTag);
        await ExpectMessagesAsync(first);
        await ExpectMessagesAsync(second, "m");
    }

    private static HeaderTable EveryHeaderType() => HeaderTable.Empty
        .With("void", null).With("bool", true).With("sbyte", (sbyte)-1).With("byte", (byte)200).With("short", (short)-2).With("ushort", (ushort)2)
        .With("int", -3).With("uint", 3u).With("long", long.MinValue).With("float", 1.5f).With("double", -2.5).With("decimal", 12.34m)
        .With("string", "text ü").With("bytes", new byte[] { 0, 1, 255 }).With("time", DateTimeOffset.FromUnixTimeSeconds(1))
        .With("table", HeaderTable.Of("inner", 1)).With("list", new object?[] { 1, "two", null, HeaderTable.Of("deep", false) });

    // Many times the size of a frame, and not a multiple of it: what carries a body never shows.
    [Fact, AmqpItem("A1.23")]
    public async Task Body_OfTenMegabytes_ArrivesWhole()
    {
        byte[] body = new byte[10_000_019];
        new Random(7).NextBytes(body);
        string queue = await DeclareQueueAsync();
        await Channel.PublishAsync("", queue, new Message(body));
        await PublishAsync("", queue, "small");
        await PublishAsync("", queue, "");
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        Delivery large = await consumer.ExpectNextAsync();
        Assert.True(large.Message.Body.Span.SequenceEqual(body), "The body has changed on its way.");
        await Channel.AckAsync(large.DeliveryTag);
        await consumer.AckNextAsync("small");
        await consumer.AckNextAsync("");
    }
}
