namespace EmbeddedMq.Compliance;

/// <summary>Connections and channels: numbers, what an error closes, what a close does.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ConnectionCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A0.4")]
    public async Task Channels_OpenedAndClosed_TakeTheLowestFreeNumber()
    {
        IConnection connection = await ConnectAsync();
        IChannel first = await OpenChannelAsync(connection: connection);
        IChannel second = await OpenChannelAsync(connection: connection);
        IChannel third = await OpenChannelAsync(connection: connection);
        Assert.Equal((1, 2, 3), (first.Number, second.Number, third.Number));
        Assert.Equal([1, 2, 3], connection.Channels.Select(channel => channel.Number).Order());
        await second.CloseAsync();
        Assert.Equal([1, 3], connection.Channels.Select(channel => channel.Number).Order());
        Assert.Equal(2, (await OpenChannelAsync(connection: connection)).Number);
        Assert.Same(connection, first.Connection);
    }

    [Fact, AmqpItem("A0.4"), OftenGotWrong("which errors close the connection and which the channel")]
    public async Task ChannelError_OfOneChannel_LeavesItsSiblingsWorking()
    {
        string queue = await DeclareQueueAsync();
        IChannel sibling = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: sibling);
        string missing = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(missing)}", c => c.DeclareQueuePassiveAsync(missing));
        await sibling.PublishAsync("", queue, Message.Text("m"));
        await consumer.AckNextAsync("m");
    }

    [Fact, AmqpItem("A0.4"), OftenGotWrong("dropping what follows a channel error")]
    public async Task FailedChannel_UsedAgain_DoesNothingAndTellsTheFirstReason()
    {
        string queue = await DeclareQueueAsync();
        string missing = Name("missing");
        IChannel channel = await OpenChannelAsync();
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(missing)}", c => c.DeclareQueuePassiveAsync(missing), channel);
        Func<Task>[] actions =
        [
            async () => await channel.PublishAsync("", queue, Message.Text("dropped")),
            async () => await channel.DeclareQueueAsync(missing),
            async () => await channel.StartConsumerAsync(queue),
            async () => await channel.GetAsync(queue),
            async () => await channel.AckAsync(0, multiple: true),
            async () => await channel.DeleteQueueAsync(queue),
        ];
        foreach (Func<Task> action in actions)
        {
            ChannelException error = await Assert.ThrowsAsync<ChannelException>(action);
            Assert.Equal((ReplyCode.NotFound, ReplyTexts.Full(ReplyCode.NotFound, $"no {QueueIn(missing)}")), (error.ReplyCode, error.ReplyText));
        }

        Assert.False(await QueueExistsAsync(missing));
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A0.4")]
    public async Task Channel_ClosedByTheApplication_TellsSoAndEndsItsConsumers()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await channel.CloseAsync(ReplyCode.Success, "done here");
        await channel.CloseAsync();
        Assert.False(channel.IsOpen);
        CloseReason reason = await SoonAsync(channel.Closed);
        Assert.Equal((CloseInitiator.Application, ReplyCode.Success, true), (reason.Initiator, reason.ReplyCode, reason.IsNormal));
        Assert.Contains("done here", reason.ReplyText, StringComparison.Ordinal);
        Assert.Equal(ConsumerEnd.ChannelClosed, await SoonAsync(consumer.Consumer.Ended));
        await Assert.ThrowsAsync<ChannelException>(async () => await channel.DeclareQueueAsync());
    }

    [Fact, AmqpItem("A14.6")]
    public async Task Connection_OpenedWithAName_ShowsIt()
    {
        string name = Name("orders-service");
        IConnection named = await ConnectAsync(name);
        IConnection unnamed = await ConnectAsync();
        Assert.Equal((name, VirtualHost, true), (named.Name, named.VirtualHost, named.IsOpen));
        Assert.NotEmpty(unnamed.Name);
        Assert.Null(named.CloseReason);
        Assert.Null(named.BlockedReason);
    }

    [Fact, AmqpItem("A7.11"), AmqpItem("A3.13")]
    public async Task Connection_Closed_ClosesItsChannelsAndReturnsTheirMessages()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        IConnection connection = await ConnectAsync();
        IChannel first = await OpenChannelAsync(connection: connection);
        IChannel second = await OpenChannelAsync(connection: connection);
        await GetUnsettledAsync(first, queue);
        await GetUnsettledAsync(second, queue);
        await connection.CloseAsync();
        await connection.CloseAsync();

        CloseReason reason = await SoonAsync(connection.Closed);
        Assert.Equal((CloseInitiator.Application, true), (reason.Initiator, reason.IsNormal));
        Assert.Equal((false, false, false), (connection.IsOpen, first.IsOpen, second.IsOpen));
        await SoonAsync(first.Closed);
        await ExpectMessagesAsync(queue, "1", "2", "3");
        await Assert.ThrowsAnyAsync<EmbeddedMqException>(async () => await first.DeclareQueueAsync());
        await Assert.ThrowsAsync<ConnectionException>(async () => await connection.OpenChannelAsync());
        Assert.Empty(connection.Channels);
    }

    [Fact, AmqpItem("A7.11")]
    public async Task Connection_ClosedByAnError_ReturnsTheMessagesOfAllItsChannels()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 2);
        await ExpectConnectionErrorAsync(ReplyCode.NotAllowed, "attempt to reuse consumer tag 't'", async channel =>
        {
            IChannel sibling = await OpenChannelAsync(connection: channel.Connection);
            await GetUnsettledAsync(sibling, queue);
            string own = await DeclareQueueAsync();
            await channel.StartConsumerAsync(own, new ConsumerOptions { ConsumerTag = "t" });
            await channel.StartConsumerAsync(own, new ConsumerOptions { ConsumerTag = "t" });
        });
        await ExpectMessagesAsync(queue, "1", "2");
    }

    [Fact, AmqpItem("A13.4")]
    public async Task Broker_Disposed_ForcesItsConnectionsToClose()
    {
        IConnection connection = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: connection);
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await Broker.DisposeAsync();
        CloseReason reason = await SoonAsync(connection.Closed);
        Assert.Equal(ReplyCode.ConnectionForced, reason.ReplyCode);
        Assert.StartsWith("CONNECTION_FORCED - ", reason.ReplyText, StringComparison.Ordinal);
        await SoonAsync(channel.Closed);
        Assert.Equal(ConsumerEnd.ChannelClosed, await SoonAsync(consumer.Consumer.Ended));
    }
}
