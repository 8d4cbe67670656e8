using System.Text;

namespace EmbeddedMq.Tests.VirtualHosts.Definitions;

/// <summary>An import beside what exists: all of it or nothing.</summary>
public sealed class DefinitionsImportTests
{
    private const string TwoQueues = """
        {
          "vhosts": [{ "name": "/" }, { "name": "other" }],
          "exchanges": [{ "name": "orders", "vhost": "/", "type": "topic", "durable": true }],
          "queues": [
            { "name": "new", "vhost": "/", "durable": true, "arguments": {} },
            { "name": "old", "vhost": "/", "durable": true, "arguments": {} }
          ],
          "bindings": [{ "source": "orders", "vhost": "/", "destination": "new", "destination_type": "queue", "routing_key": "a.#", "arguments": {} }]
        }
        """;

    [Fact]
    public async Task Import_OfWhatExistsEqually_DeclaresTheRest()
    {
        await using Broker broker = await Broker.StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("old", q => q.Durable());
        await ImportAsync(broker, TwoQueues);

        Assert.Equal(["new", "old"], (await broker.Management.ListQueuesAsync("/")).Select(static queue => queue.Name));
        Assert.Contains("other", await broker.Management.ListVirtualHostsAsync());
        await channel.PublishAsync("orders", "a.b", Message.Text("x"), PublishFlags.Mandatory);
    }

    [Fact]
    public async Task Import_OfAQueueThatExistsUnequally_DeclaresNothing()
    {
        await using Broker broker = await Broker.StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("old");
        await channel.DeclareExchangeAsync("orders", ExchangeType.Fanout, e => e.Durable());

        DefinitionsException error = await Assert.ThrowsAsync<DefinitionsException>(async () => await ImportAsync(broker, TwoQueues));
        Assert.Equal(2, error.Errors.Count);
        Assert.Contains("inequivalent arg 'type' for exchange 'orders' in vhost '/'", error.Errors[0], StringComparison.Ordinal);
        Assert.Contains("inequivalent arg 'durable' for queue 'old' in vhost '/'", error.Errors[1], StringComparison.Ordinal);
        Assert.Equal(["old"], (await broker.Management.ListQueuesAsync("/")).Select(static queue => queue.Name));
        Assert.DoesNotContain("other", await broker.Management.ListVirtualHostsAsync());
    }

    [Fact]
    public async Task Import_BeyondTheQueueLimit_DeclaresNothing()
    {
        await using Broker broker = await Broker.StartAsync(new BrokerOptions { Limits = { MaxQueuesPerVirtualHost = 1 } });
        DefinitionsException error = await Assert.ThrowsAsync<DefinitionsException>(async () => await ImportAsync(broker, TwoQueues));
        Assert.Contains("queue limit in vhost '/' (1) is reached", Assert.Single(error.Errors), StringComparison.Ordinal);
        Assert.Empty(await broker.Management.ListQueuesAsync("/"));
    }

    private static async Task ImportAsync(Broker broker, string definitions)
    {
        using MemoryStream stream = new(Encoding.UTF8.GetBytes(definitions));
        await broker.Management.ImportDefinitionsAsync(stream);
    }
}
