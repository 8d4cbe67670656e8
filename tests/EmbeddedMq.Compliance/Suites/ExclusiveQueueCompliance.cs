namespace EmbeddedMq.Compliance;

/// <summary>Exclusive queues: who may use them, and when they go.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ExclusiveQueueCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A3.12"), OftenGotWrong("exclusive mismatch 405")]
    public async Task ExclusiveQueue_UsedByAnotherConnection_Is405()
    {
        string queue = await DeclareQueueAsync(q => q.Exclusive());
        await Channel.BindQueueAsync(queue, "amq.direct", queue);
        IConnection other = await ConnectAsync();
        Func<IChannel, ValueTask>[] actions =
        [
            async c => await c.DeclareQueueAsync(queue, q => q.Exclusive()),
            async c => await c.DeclareQueueAsync(queue),
            async c => await c.DeclareQueuePassiveAsync(queue),
            c => c.BindQueueAsync(queue, "amq.direct", "k"),
            c => c.UnbindQueueAsync(queue, "amq.direct", queue),
            async c => await c.StartConsumerAsync(queue),
            async c => await c.GetAsync(queue),
            async c => await c.PurgeQueueAsync(queue),
            async c => await c.DeleteQueueAsync(queue),
        ];
        foreach (Func<IChannel, ValueTask> action in actions)
        {
            await ExpectChannelErrorAsync(ReplyCode.ResourceLocked, Locked(queue), action, await OpenChannelAsync(connection: other));
        }
    }

    [Fact, AmqpItem("A3.12"), AmqpItem("A2.16"), AmqpItem("A2.20")]
    public async Task ExclusiveQueue_BoundWronglyByAnotherConnection_OwnershipIsLookedAtLast()
    {
        string queue = await DeclareQueueAsync(q => q.Exclusive());
        IConnection other = await ConnectAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x",
            c => c.BindQueueAsync(queue, "amq.headers", "", HeaderTable.Of("x-match", "some")),
            await OpenChannelAsync(connection: other));
        IChannel channel = await OpenChannelAsync(connection: other);
        await channel.UnbindQueueAsync(queue, "amq.direct", "never bound");
        Assert.True(channel.IsOpen);
    }

    [Fact, AmqpItem("A3.12")]
    public async Task ExclusiveQueue_AnotherConnectionPublishes_Receives()
    {
        string queue = await DeclareQueueAsync(q => q.Exclusive());
        IChannel other = await OpenChannelAsync(connection: await ConnectAsync());
        await other.PublishAsync("", queue, Message.Text("in"), PublishFlags.Mandatory);
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A3.12"), AmqpItem("A3.7"), OftenGotWrong("exclusive mismatch 405")]
    public async Task ExclusiveFlag_DiffersOnRedeclare_Is405BeforeOtherDifferences()
    {
        string exclusive = await DeclareQueueAsync(q => q.Exclusive());
        await ExpectChannelErrorAsync(
            ReplyCode.ResourceLocked, Locked(exclusive), c => c.DeclareQueueAsync(exclusive, q => q.AutoDelete().MaxLength(1)));
        string shared = await DeclareQueueAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.ResourceLocked, Locked(shared), c => c.DeclareQueueAsync(shared, q => q.Exclusive().AutoDelete()));
    }

    [Fact, AmqpItem("A3.13")]
    public async Task ExclusiveQueue_UsedByOtherChannelOfItsConnection_Works()
    {
        string queue = await DeclareQueueAsync(q => q.Exclusive());
        IChannel channel = await OpenChannelAsync();
        await channel.DeclareQueueAsync(queue, q => q.Exclusive());
        await channel.PublishAsync("", queue, Message.Text("in"));
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.AckNextAsync("in");
    }

    [Fact, AmqpItem("A3.13")]
    public async Task ExclusiveQueue_ItsChannelCloses_Stays()
    {
        IChannel channel = await OpenChannelAsync();
        string queue = Name("q");
        await channel.DeclareQueueAsync(queue, q => q.Exclusive());
        await channel.CloseAsync();
        await SendAsync(queue, "in");
        await ExpectMessagesAsync(queue, "in");
    }

    [Fact, AmqpItem("A3.13")]
    public async Task ExclusiveQueue_ItsConnectionCloses_IsGoneWhenTheCloseReturns()
    {
        IConnection connection = await ConnectAsync();
        string queue = Name("q");
        await (await OpenChannelAsync(connection: connection)).DeclareQueueAsync(queue, q => q.Exclusive());
        await connection.CloseAsync();
        Assert.False(await QueueExistsAsync(queue));
        await Channel.DeclareQueueAsync(queue);
    }

    [Fact, AmqpItem("A3.13")]
    public async Task ExclusiveQueue_ItsConnectionFails_Goes()
    {
        string queue = Name("q");
        await ExpectConnectionErrorAsync(ReplyCode.NotAllowed, "attempt to reuse consumer tag 't'", async channel =>
        {
            await channel.DeclareQueueAsync(queue, q => q.Exclusive());
            await channel.StartConsumerAsync(queue, new ConsumerOptions { ConsumerTag = "t" });
            await channel.StartConsumerAsync(queue, new ConsumerOptions { ConsumerTag = "t" });
        });
        await ExpectQueueGoneAsync(queue);
    }

    [Fact, AmqpItem("A3.13")]
    public async Task ExclusiveQueue_DeclaredDurable_IsNotDurable()
    {
        string queue = await DeclareQueueAsync(q => q.Exclusive().Durable());
        await Channel.DeclareQueueAsync(queue, q => q.Exclusive());
        await Channel.DeclareQueueAsync(queue, q => q.Exclusive().Durable());
    }

    private string Locked(string queue)
        => $"cannot obtain exclusive access to locked {QueueIn(queue)}. It could be originally declared on another connection or the exclusive " +
            "property value does not match that of the original declaration.";
}
