namespace EmbeddedMq.Compliance;

/// <summary>Virtual hosts: isolation, creation, deletion.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class VirtualHostCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.VirtualHosts;

    [Fact, AmqpItem("A1.11")]
    public async Task Connect_NoSuchVirtualHost_Is530()
    {
        string virtualHost = Name("missing");
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(
            async () => await Broker.ConnectAsync(new ConnectionOptions { VirtualHost = virtualHost }));
        Assert.Equal((ReplyCode.NotAllowed, $"NOT_ALLOWED - vhost {virtualHost} not found"), (error.ReplyCode, error.ReplyText));
    }

    [Fact, AmqpItem("A2.1")]
    public async Task VirtualHost_Created_HasItsPredeclaredExchangesAndIsListed()
    {
        string virtualHost = await CreateVirtualHostAsync();
        await Broker.Management.CreateVirtualHostAsync(virtualHost);
        Assert.Contains(virtualHost, await Broker.Management.ListVirtualHostsAsync());
        IChannel channel = await OpenChannelInAsync(virtualHost);
        foreach (string exchange in (string[])["amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match", "amq.rabbitmq.trace"])
        {
            await channel.DeclareExchangePassiveAsync(exchange);
        }
    }

    [Fact, AmqpItem("A2.1")]
    public async Task VirtualHosts_WithObjectsOfOneName_AreIsolated()
    {
        string virtualHost = await CreateVirtualHostAsync();
        IChannel inside = await OpenChannelInAsync(virtualHost);
        string queue = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        await Channel.BindQueueAsync(queue, exchange, "");

        await ExpectMissingAsync(virtualHost, $"no queue '{queue}' in vhost '{virtualHost}'", async c => await c.DeclareQueuePassiveAsync(queue));
        await ExpectMissingAsync(virtualHost, $"no exchange '{exchange}' in vhost '{virtualHost}'", async c => await c.PublishAsync(exchange, "", Message.Text("m")));

        await inside.DeclareQueueAsync(queue, q => q.Durable());
        await inside.DeclareExchangeAsync(exchange, ExchangeType.Topic);
        await inside.PublishAsync("", queue, Message.Text("inside"));
        await PublishAsync(exchange, "", "outside");
        await ExpectMessagesAsync(queue, "outside");
        Assert.Equal("inside", (await inside.GetAsync(queue, autoAck: true))?.Delivery.Message.GetText());
    }

    [Fact, AmqpItem("A13.4")]
    public async Task VirtualHost_Deleted_ForcesItsConnectionsToCloseAndTakesAllItHeld()
    {
        string virtualHost = await CreateVirtualHostAsync();
        IConnection connection = await Broker.ConnectAsync(new ConnectionOptions { VirtualHost = virtualHost });
        IChannel channel = await connection.OpenChannelAsync();
        string queue = (await channel.DeclareQueueAsync(Name("q"), q => q.Durable())).Name;
        await channel.PublishAsync("", queue, Message.Text("gone"));

        Assert.True(await Broker.Management.DeleteVirtualHostAsync(virtualHost));

        // A busy server may have ended the virtual host's own processes before it tells the connections of the deletion.
        CloseReason reason = await SoonAsync(connection.Closed);
        string state = Engine.Capabilities != EngineCapabilities.All && reason.ReplyText.EndsWith("is down", StringComparison.Ordinal) ? "down" : "deleted";
        Assert.Equal(new CloseReason(CloseInitiator.Broker, ReplyCode.ConnectionForced, $"CONNECTION_FORCED - vhost '{virtualHost}' is {state}"), reason);
        Assert.True(Connection.IsOpen);
        Assert.DoesNotContain(virtualHost, await Broker.Management.ListVirtualHostsAsync());
        Assert.False(await Broker.Management.DeleteVirtualHostAsync(virtualHost));

        await Broker.Management.CreateVirtualHostAsync(virtualHost);
        await ExpectMissingAsync(virtualHost, $"no queue '{queue}' in vhost '{virtualHost}'", async c => await c.DeclareQueuePassiveAsync(queue));
    }

    private async Task<string> CreateVirtualHostAsync()
    {
        string virtualHost = Name("vhost");
        await Broker.Management.CreateVirtualHostAsync(virtualHost);
        return virtualHost;
    }

    private async Task<IChannel> OpenChannelInAsync(string virtualHost)
        => await OpenChannelAsync(connection: await Broker.ConnectAsync(new ConnectionOptions { VirtualHost = virtualHost }));

    private async Task ExpectMissingAsync(string virtualHost, string text, Func<IChannel, Task> action)
    {
        IChannel channel = await OpenChannelInAsync(virtualHost);
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(() => action(channel));
        Assert.Equal(ReplyTexts.Full(ReplyCode.NotFound, text), error.ReplyText);
        await channel.Connection.CloseAsync();
    }
}
