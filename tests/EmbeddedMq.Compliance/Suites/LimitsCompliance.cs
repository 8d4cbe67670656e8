namespace EmbeddedMq.Compliance;

/// <summary>Limits of virtual hosts, connections and channels, where the engine has them.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class LimitsCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.Limits;

    protected override EngineOptions Options { get; } = new()
    {
        MaxChannelsPerConnection = 3,
        MaxConsumersPerChannel = 2,
        MaxQueues = 3,
        MaxMessageBytes = 1000,
    };

    [Fact, AmqpItem("A10.5")]
    public async Task Queues_OneTooMany_Is406AndExistingOnesMayBeDeclared()
    {
        string first = await DeclareQueueAsync();
        await DeclareQueueAsync();
        await DeclareQueueAsync();
        string beyond = Name("beyond");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"cannot declare queue '{beyond}': queue limit in vhost '{VirtualHost}' (3) is reached",
            c => c.DeclareQueueAsync(beyond));
        await Channel.DeclareQueueAsync(first);
        await Channel.DeleteQueueAsync(first);
        await Channel.DeclareQueueAsync(beyond);
    }

    [Fact, AmqpItem("A1.7"), OftenGotWrong("which errors close the connection and which the channel")]
    public Task Channels_OneTooMany_ClosesTheConnection()
        => ExpectConnectionErrorAsync(
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

    [Fact, AmqpItem("A7.21")]
    public async Task Consumers_OneTooMany_ClosesTheConnection()
    {
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
}
