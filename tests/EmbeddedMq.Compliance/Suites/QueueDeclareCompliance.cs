namespace EmbeddedMq.Compliance;

/// <summary>Declaring queues: names, the last declared one, counts, equivalence of flags.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class QueueDeclareCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private const string NoQueueDeclared = "no previously declared queue";

    [Fact, AmqpItem("A3.1")]
    public async Task EmptyName_Declared_GetsAGeneratedName()
    {
        QueueDeclared first = await Channel.DeclareQueueAsync("", q => q.Exclusive());
        QueueDeclared second = await Channel.DeclareQueueAsync("", q => q.Exclusive());
        Assert.Matches("^amq\\.gen-[A-Za-z0-9_-]{22}$", first.Name);
        Assert.NotEqual(first.Name, second.Name);
        await SendAsync(first.Name, "in");
        await ExpectMessagesAsync(first.Name, "in");
    }

    [Fact, AmqpItem("A3.1")]
    public Task EmptyName_OfQuorumQueue_Is406()
        => ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "Cannot declare a server-named queue for type rabbit_quorum_queue",
            c => c.DeclareQueueAsync("", q => q.Durable().WithArgument(QueueArgument.QueueType, "quorum")));

    [Fact, AmqpItem("A3.2")]
    public async Task ReservedName_Declared_Is403EvenWhenItExists()
    {
        await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, "queue name 'amq.foo' contains reserved prefix 'amq.*'", c => c.DeclareQueueAsync("amq.foo"));
        string generated = (await Channel.DeclareQueueAsync("", q => q.Exclusive())).Name;
        await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, $"queue name '{generated}' contains reserved prefix 'amq.*'", c => c.DeclareQueueAsync(generated, q => q.Exclusive()));
        Assert.Equal(generated, (await Channel.DeclareQueuePassiveAsync(generated)).Name);
    }

    [Fact, AmqpItem("A3.3")]
    public async Task Name_WithLineBreaks_IsStripped()
    {
        string queue = Name("q");
        Assert.Equal(queue, (await Channel.DeclareQueueAsync("\r\n" + queue + "\n")).Name);
        Assert.Equal(queue, (await Channel.DeclareQueuePassiveAsync(queue + "\r")).Name);
        await SendAsync(queue, "in");
        Assert.Equal(1u, await Channel.DeleteQueueAsync(queue + "\r\n"));
        Assert.False(await QueueExistsAsync(queue));
    }

    [Fact, AmqpItem("A3.3")]
    public async Task Name_AnyUnicodeUpTo255Bytes_IsTaken()
    {
        string stem = Name("größe/ \t'日本");
        string name = stem + new string('x', 255 - System.Text.Encoding.UTF8.GetByteCount(stem));
        Assert.Equal(name, (await Channel.DeclareQueueAsync(name)).Name);
        await SendAsync(name, "in");
        await ExpectMessagesAsync(name, "in");
    }

    [Fact, AmqpItem("A3.4")]
    public async Task NoName_AfterDeclare_MeansTheLastDeclaredQueue()
    {
        string first = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "1", "2", "3");
        Assert.Equal("1", (await Channel.GetAsync("", autoAck: true))?.Delivery.Message.GetText());
        await using (TestConsumer consumer = await ConsumeAsync("", new ConsumerOptions { PrefetchCount = 1 }))
        {
            Assert.Equal(queue, consumer.Consumer.Queue);
            await consumer.AckNextAsync("2");
        }

        await Engine.SettleAsync();
        Assert.Equal(1u, await Channel.PurgeQueueAsync(""));
        Assert.Equal(0u, await Channel.DeleteQueueAsync(""));
        Assert.False(await QueueExistsAsync(queue));
        Assert.True(await QueueExistsAsync(first));
    }

    [Fact, AmqpItem("A3.4")]
    public async Task NoName_AfterPassiveDeclare_MeansThatQueue()
    {
        string queue = await DeclareQueueAsync();
        await DeclareQueueAsync();
        await Channel.DeclareQueuePassiveAsync(queue);
        await SendAsync(queue, "in");
        Assert.Equal("in", (await Channel.GetAsync("", autoAck: true))?.Delivery.Message.GetText());
    }

    [Fact, AmqpItem("A3.4")]
    public async Task NoName_NothingDeclaredOnThisChannel_Is404()
    {
        await DeclareQueueAsync();
        Func<IChannel, ValueTask>[] actions =
        [
            async c => await c.GetAsync(""),
            async c => await c.PurgeQueueAsync(""),
            async c => await c.DeleteQueueAsync(""),
            async c => await c.StartConsumerAsync(""),
            c => c.BindQueueAsync("", "amq.direct", "k"),
            c => c.UnbindQueueAsync("", "amq.direct", "k"),
        ];
        foreach (Func<IChannel, ValueTask> action in actions)
        {
            await ExpectChannelErrorAsync(ReplyCode.NotFound, NoQueueDeclared, action);
        }
    }

    [Fact, AmqpItem("A3.5")]
    public async Task Declare_QueueInUse_CountsReadyMessagesAndConsumers()
    {
        string queue = await DeclareExactlyAsync();
        await SendNumbersAsync(queue, 3);
        Delivery unsettled = await GetUnsettledAsync(Channel, queue);
        Assert.Equal(new QueueDeclared(queue, 2, 0), await Channel.DeclareQueueAsync(queue));

        await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await ExpectReadyAsync(queue, 0);
        Assert.Equal(new QueueDeclared(queue, 0, 2), await Channel.DeclareQueuePassiveAsync(queue));

        await SendAsync(queue, "ready");
        await ExpectReadyAsync(queue, 1);
        await Channel.AckAsync(unsettled.DeliveryTag);
        await ExpectReadyAsync(queue, 1);
    }

    [Fact, AmqpItem("A3.6"), OftenGotWrong("passive declare ignores everything but existence")]
    public async Task PassiveDeclare_QueueOfAnyKind_Succeeds()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().AutoDelete().WithMessageTtl(TimeSpan.FromHours(1)).MaxLength(5));
        await SendAsync(queue, "in");
        Assert.Equal(new QueueDeclared(queue, 1, 0), await Channel.DeclareQueuePassiveAsync(queue));
    }

    [Fact, AmqpItem("A3.6")]
    public async Task PassiveDeclare_NoSuchQueue_Is404()
    {
        string queue = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(queue)}", c => c.DeclareQueuePassiveAsync(queue));
    }

    [Fact, AmqpItem("A3.6")]
    public async Task PassiveDeclare_WithoutName_Is404EvenAfterADeclare()
    {
        IChannel channel = await OpenChannelAsync();
        await channel.DeclareQueueAsync(Name("q"), q => q.Exclusive());
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn("")}", c => c.DeclareQueuePassiveAsync(""), channel);
    }

    [Fact, AmqpItem("A3.8")]
    public async Task Redeclare_WithOtherFlag_Is406NamingIt()
    {
        string durable = await DeclareExactlyAsync(q => q.Durable());
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'durable' for {QueueIn(durable)}: received 'false' but current is 'true'",
            c => c.DeclareQueueAsync(durable));
        string plain = await DeclareExactlyAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'auto_delete' for {QueueIn(plain)}: received 'true' but current is 'false'",
            c => c.DeclareQueueAsync(plain, q => q.AutoDelete()));
        Assert.Equal(plain, (await Channel.DeclareQueueAsync(plain)).Name);
    }

    [Fact, AmqpItem("A3.7")]
    public async Task Redeclare_WithSeveralDifferences_NamesTheFirstInOrder()
    {
        string queue = await DeclareExactlyAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'durable' for {QueueIn(queue)}: received 'true' but current is 'false'",
            c => c.DeclareQueueAsync(queue, q => q.Durable().AutoDelete().MaxLength(1)));
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'auto_delete' for {QueueIn(queue)}: received 'true' but current is 'false'",
            c => c.DeclareQueueAsync(queue, q => q.AutoDelete().MaxLength(1)));
    }
}
