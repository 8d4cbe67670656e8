namespace EmbeddedMq.Compliance;

/// <summary>Limits of virtual hosts, connections and channels, where the engine has them.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class LimitsCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.Limits;

    protected override EngineOptions Options { get; } = new()
    {
        MaxConnections = 4,
        MaxChannelsPerConnection = 3,
        MaxConsumersPerChannel = 2,
        MaxQueues = 3,
        MaxMessageBytes = 1000,
    };

    [Fact, AmqpItem("A10.5")]
    public async Task Queues_OneTooMany_Is406AndExistingOnesMayBeDeclared()
    {
        string first = await DeclareExactlyAsync();
        await DeclareExactlyAsync();
        await DeclareExactlyAsync();
        string beyond = Name("beyond");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"cannot declare queue '{beyond}': queue limit in vhost '{VirtualHost}' (3) is reached",
            c => c.DeclareQueueAsync(beyond));
        await Channel.DeclareQueueAsync(first);
        await Channel.DeleteQueueAsync(first);
        await Channel.DeclareQueueAsync(beyond);
    }

    [Fact, AmqpItem("A10.5")]
    public async Task Connections_OneTooMany_Is530UntilOneCloses()
    {
        // One is the suite's. What was closed just before may count a little longer.
        IConnection[] connections = [await ConnectSoonAsync(), await ConnectSoonAsync(), await ConnectSoonAsync()];
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => ConnectAsync());
        Assert.Equal(
            (ReplyCode.NotAllowed, ReplyTexts.Full(ReplyCode.NotAllowed, $"access to vhost '{VirtualHost}' refused for user 'guest': connection limit (4) is reached")),
            (error.ReplyCode, error.ReplyText));
        Assert.True(error.IsTransient);
        Assert.All(connections, static connection => Assert.True(connection.IsOpen));
        await connections[0].CloseAsync();
        Assert.True((await ConnectSoonAsync()).IsOpen);
    }

    [Fact, AmqpItem("A1.7")]
    public async Task Channels_AsManyAsAllowed_OneClosedMakesRoomForOne()
    {
        IConnection connection = await ConnectSoonAsync();
        IChannel[] channels = [await OpenChannelAsync(connection: connection), await OpenChannelAsync(connection: connection), await OpenChannelAsync(connection: connection)];
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(async () =>
        {
            await channels[0].CloseAsync();
            await OpenChannelAsync(connection: connection);
            await OpenChannelAsync(connection: connection);
        });
        Assert.Equal(
            (ReplyCode.NotAllowed, ReplyTexts.Full(ReplyCode.NotAllowed, "number of channels opened (3) has reached the negotiated channel_max (3)")),
            (error.ReplyCode, error.ReplyText));
    }

    [Fact, AmqpItem("A1.7"), OftenGotWrong("which errors close the connection and which the channel")]
    public async Task Channels_OneTooMany_ClosesTheConnection()
    {
        Require(EngineCapabilities.ChannelLimitCloses);
        await ExpectConnectionErrorAsync(
            ReplyCode.NotAllowed,
            "number of channels opened (3) has reached the negotiated channel_max (3)",
            async channel =>
            {
                await channel.Connection.OpenChannelAsync();
                IChannel third = await channel.Connection.OpenChannelAsync();
                await third.CloseAsync();
                await channel.Connection.OpenChannelAsync();
                await channel.Connection.OpenChannelAsync();
            });
    }

    [Fact, AmqpItem("A7.21")]
    public async Task Consumers_OneTooMany_ClosesTheConnection()
    {
        Require(EngineCapabilities.ConsumerLimit);
        string queue = await DeclareQueueAsync();
        await ExpectConnectionErrorAsync(ReplyCode.NotAllowed, "reached maximum (2) of consumers per channel", async channel =>
        {
            IConsumer first = await channel.StartConsumerAsync(queue);
            await channel.StartConsumerAsync(queue);
            await first.CancelAsync();
            await channel.StartConsumerAsync(queue);
            await channel.StartConsumerAsync(queue);
        });
    }

    [Fact, AmqpItem("A1.23")]
    public async Task Body_OneByteTooLarge_Is406()
    {
        string queue = await DeclareQueueAsync();
        await Channel.PublishAsync("", queue, new Message(new byte[1000]));
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "message size 1001 is larger than configured max size 1000",
            c => c.PublishAsync("", queue, new Message(new byte[1001])));
        await ExpectReadyAsync(queue, 1);
    }

    private async Task<IConnection> ConnectSoonAsync()
    {
        IConnection? connection = null;
        await Engine.UntilAsync(async () =>
        {
            try
            {
                connection = await ConnectAsync();
            }
            catch (ConnectionException error) when (error.ReplyCode == ReplyCode.NotAllowed)
            {
            }

            return connection is not null;
        });
        Assert.True(connection is not null, "There was no place for a connection.");
        return connection;
    }
}
