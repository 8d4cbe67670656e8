using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>How often a message was handed over is known after a crash, wherever it was stored meanwhile.</summary>
public sealed class DeliveryMarkTests
{
    private const int Messages = 600;

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Held_WhileItMovedOutOfTheJournal_CountsAsFailedAfterACrash(int nacks)
    {
        await using FaultyBroker broker = new(new FaultyFiles(1));
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("held", static q => q.Durable().WithDeliveryLimit(10));
        await channel.DeclareQueueAsync("busy", static q => q.Durable());
        await channel.PublishAsync("", "held", Message.Text("m", MessageProperties.Persistent));
        for (int i = 0; i < nacks; i++)
        {
            await channel.NackAsync((await channel.GetAsync("held"))!.Delivery.DeliveryTag);
        }

        Assert.Equal(nacks, (await channel.GetAsync("held"))!.Delivery.DeliveryCount);
        long begin = broker.Broker.Journal.Hot.BeginAddress;
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < Messages; i++)
            {
                await channel.PublishAsync("", "busy", new Message(new byte[2_000], MessageProperties.Persistent));
                await channel.GetAsync("busy", autoAck: true);
            }

            await broker.Broker.KeepStoreShortAsync();
        }

        Assert.True(broker.Broker.Journal.Hot.BeginAddress > begin && broker.Broker.Storage!.EvacuatedTotal > 0, "Nothing has moved.");

        channel = await broker.RestartAsync(crash: true);

        Delivery again = (await channel.GetAsync("held"))!.Delivery;
        Assert.Equal((nacks + 1, true), (again.DeliveryCount, again.Redelivered));
    }
}
