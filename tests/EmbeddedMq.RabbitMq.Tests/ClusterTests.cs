using System.Net;
using System.Net.Sockets;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Several hosts: one that refuses, one that breaks off, and a cluster of two nodes one of which dies.</summary>
/// <param name="own">A cluster of their own, because they kill its nodes.</param>
public sealed class ClusterTests(OwnRabbitServer own) : IClassFixture<OwnRabbitServer>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Hosts_OneRefuses_TheOtherIsTaken()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        await using RabbitMqBroker broker = await StartAsync("127.0.0.1:1", $"127.0.0.1:{server.Port}");
        for (int i = 0; i < 4; i++)
        {
            await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
            Assert.True(connection.IsOpen);
        }
    }

    // As a load balancer does in front of a node that is gone: it takes the connection, and breaks off.
    [Fact]
    public async Task Hosts_OneBreaksOffTheHandshake_TheOtherIsTaken()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Task breaking = BreakOffAsync(listener);
        await using (RabbitMqBroker broker = await StartAsync($"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", $"127.0.0.1:{server.Port}"))
        {
            for (int i = 0; i < 4; i++)
            {
                await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
                Assert.True(connection.IsOpen);
            }
        }

        listener.Stop();
        await breaking.WithinPatienceAsync("the end of the listener");
    }

    [Fact]
    public async Task Hosts_NoneAnswers_SaysWhatIsWrongWithEach()
    {
        SharedRabbitServer.Require();
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(
            static async () => await StartAsync("127.0.0.1:1", "127.0.0.1:2"));
        Assert.True(error.IsTransient);
        Assert.Contains("127.0.0.1:1, 127.0.0.1:2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cluster_NodeDies_ItsConnectionsGoOnOnTheOther()
    {
        (RabbitServer dying, RabbitServer living) = (await own.GetAsync(), await own.GetSecondAsync());
        await using RabbitMqBroker broker = await StartAsync(living, dying);
        await using (RabbitMqBroker owner = await StartAsync(living))
        {
            IConnection connection = await owner.ConnectAsync(cancellationToken: Token);
            IChannel declaring = await connection.OpenChannelAsync(cancellationToken: Token);
            await declaring.DeclareQueueAsync("on-the-living", q => q.Durable(), Token); // its one copy is on the node of this connection
        }

        // The broker began with the living node to look for one, so the first connection begins with the dying one.
        await using IConnection first = await broker.ConnectAsync(cancellationToken: Token);
        await using IConnection second = await broker.ConnectAsync(cancellationToken: Token);
        IChannel[] channels = [await first.OpenChannelAsync(cancellationToken: Token), await second.OpenChannelAsync(cancellationToken: Token)];
        foreach (IChannel channel in channels)
        {
            await channel.DeclareQueueAsync("on-the-living", q => q.Durable(), Token);
        }

        string own1 = (await channels[0].DeclareQueueAsync("own", q => q.Exclusive(), Token)).Name;
        Assert.NotEqual("0", await ConnectionCountAsync(dying));
        await dying.KillAsync();
        try
        {
            for (int i = 0; i < 20; i++)
            {
                await PublishSurelyAsync(channels[i % 2], "on-the-living", $"{i}").WithinPatienceAsync($"the confirm of message {i}");
            }

            await PublishSurelyAsync(channels[0], own1, "own").WithinPatienceAsync("the confirm of the message to its own queue");
            Assert.Equal("own", (await channels[0].GetAsync(own1, autoAck: true, Token))!.Delivery.Message.GetText());
            Assert.True((await channels[1].DeclareQueuePassiveAsync("on-the-living", Token)).MessageCount >= 20);
            Assert.True(first.IsOpen && second.IsOpen);
        }
        finally
        {
            await dying.RestartAsync();
        }
    }

    [Fact]
    public async Task Cluster_NodeWithTheOnlyCopyDies_CallsWaitForIt()
    {
        (RabbitServer dying, RabbitServer living) = (await own.GetAsync(), await own.GetSecondAsync());
        await using RabbitMqBroker broker = await StartAsync(living, dying);
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await channel.DeclareQueueAsync("on-the-dying", q => q.Durable(), Token);
        await using IConsumer consumer = await channel.StartConsumerAsync("on-the-dying", cancellationToken: Token);
        await channel.PublishAsync("", "on-the-dying", Message.Text("before", MessageProperties.Persistent), cancellationToken: Token);
        await dying.KillAsync();
        Task publish = PublishSurelyAsync(channel, "on-the-dying", "after");
        await dying.RestartAsync();
        await publish.WithinPatienceAsync("the confirm of the message after the kill");
        await ReadUntilAsync("before", "after").WithinPatienceAsync("both messages");
        Assert.True(connection.IsOpen && channel.IsOpen);

        async Task ReadUntilAsync(params string[] texts)
        {
            HashSet<string> seen = [];
            await foreach (Delivery delivery in consumer.ReadAllAsync(Token))
            {
                seen.Add(delivery.Message.GetText());
                await channel.AckAsync(delivery.DeliveryTag, cancellationToken: Token);
                if (seen.IsSupersetOf(texts))
                {
                    return;
                }
            }
        }
    }

    private static ValueTask<RabbitMqBroker> StartAsync(params RabbitServer[] servers) => StartAsync([.. servers.Select(static server => $"127.0.0.1:{server.Port}")]);

    private static ValueTask<RabbitMqBroker> StartAsync(params string[] hosts)
    {
        RabbitMqOptions options = new();
        RabbitServer.BePatient(options);
        foreach (string host in hosts)
        {
            options.Hosts.Add(host);
        }

        return RabbitMqBroker.StartAsync(options, Token);
    }

    private static async Task<string> ConnectionCountAsync(RabbitServer server)
        => (await server.ControlAsync("eval", "length(rabbit_networking:local_connections()).")).Trim();

    private static async Task PublishSurelyAsync(IChannel channel, string queue, string text)
    {
        while (true)
        {
            try
            {
                await channel.PublishAsync("", queue, Message.Text(text, MessageProperties.Persistent), PublishFlags.Mandatory, Token);
                return;
            }
            catch (ConnectionException error) when (error.IsTransient)
            {
                // Of unknown outcome: again.
            }
        }
    }

    private static async Task BreakOffAsync(TcpListener listener)
    {
        while (true)
        {
            try
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
        }
    }
}
