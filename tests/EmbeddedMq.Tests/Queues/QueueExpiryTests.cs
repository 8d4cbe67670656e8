using System.Text;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues;

/// <summary>The head expires on time, whatever made it the head.</summary>
public sealed class QueueExpiryTests
{
    private static readonly MessageProperties OneSecond = new() { Expiration = "1000" };

    [Fact]
    public async Task Expiry_OfAHeadBroughtForwardByDropHead_HappensOnTime()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("dead"));
        await channel.DeclareQueueAsync(new QueueDeclaration("q").MaxLength(2).DeadLetterTo("", "dead"));
        await channel.PublishAsync("", "q", Message.Text("excess"));
        await channel.PublishAsync("", "q", Message.Text("expires", OneSecond));
        await channel.PublishAsync("", "q", Message.Text("stays"));

        await broker.AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(["excess", "expires"], await broker.DrainAsync("dead"));
    }

    [Fact]
    public async Task Expiry_OfAHeadBroughtForwardByAPolicy_HappensOnTime()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("dead"));
        await channel.DeclareQueueAsync(new QueueDeclaration("q").DeadLetterTo("", "dead"));
        await channel.PublishAsync("", "q", Message.Text("excess"));
        await channel.PublishAsync("", "q", Message.Text("expires", OneSecond));
        await channel.PublishAsync("", "q", Message.Text("stays"));
        await broker.Broker.Management.SetPolicyAsync("/", new Policy("short", "^q$", HeaderTable.Of("max-length", 2)));

        await broker.AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(["excess", "expires"], await broker.DrainAsync("dead"));
    }

    [Fact]
    public async Task Lease_OfAnImportedQueueThatNobodyUses_RunsOut()
    {
        const string Definitions = """
            {"vhosts":[{"name":"/"}],"queues":[{"name":"idle","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-expires":1000}}]}
            """;
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        await broker.Broker.Management.ImportDefinitionsAsync(new MemoryStream(Encoding.UTF8.GetBytes(Definitions)));
        Assert.Single(await broker.Broker.Management.ListQueuesAsync("/"));

        await broker.AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Empty(await broker.Broker.Management.ListQueuesAsync("/"));
    }
}
