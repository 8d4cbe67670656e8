namespace EmbeddedMq.Tests.Connections;

public sealed class ConnectTests
{
    /// <summary>Either the connection comes too late, or the deletion closes it: none is left to a virtual host that nobody else can find.</summary>
    [Fact]
    public async Task Connect_BesideTheDeletionOfItsVirtualHost_LeavesNoConnectionOpen()
    {
        await using Broker broker = await Broker.StartAsync();
        ConnectionOptions options = new() { VirtualHost = "passing" };
        for (int round = 0; round < 5_000; round++)
        {
            await broker.Management.CreateVirtualHostAsync("passing");
            using Barrier start = new(2);
            Task<IConnection?> connecting = Task.Run(async () =>
            {
                start.SignalAndWait();
                try
                {
                    return await broker.ConnectAsync(options);
                }
                catch (ConnectionException)
                {
                    return null;
                }
            });
            start.SignalAndWait();
            await broker.Management.DeleteVirtualHostAsync("passing");

            Assert.False(await connecting is { IsOpen: true }, $"Round {round}.");
        }

        Assert.Empty(await broker.Management.ListConnectionsAsync());
    }
}
