using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues.DeadLettering;

public sealed class DeadLetterChainTests
{
    // Each queue passes everything on at once. A thread with a small stack, so that a depth that grows with the chain shows.
    [Fact]
    public async Task DeadLetter_ThroughAThousandQueues_ArrivesWithinASmallStack()
    {
        const int Length = 1_000;
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        for (int i = 0; i < Length; i++)
        {
            await channel.DeclareQueueAsync(new QueueDeclaration($"q{i}").MaxLength(0).DeadLetterTo($"q{i + 1}"));
        }

        await channel.DeclareQueueAsync(new QueueDeclaration($"q{Length}"));
        TaskCompletionSource<PublishResult> published = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Thread publisher = new(
            () => published.SetFromTask(channel.TryPublishAsync("", "q0", Message.Text("far")).AsTask()),
            maxStackSize: 256 * 1024);
        publisher.Start();

        Assert.True((await published.Task.WaitAsync(BrokerFixture.Patience)).IsConfirmed);
        Delivery delivery = await broker.NextDeliveryAsync($"q{Length}");
        Assert.Equal(Length, delivery.Deaths.Count);
        Assert.Equal("q999", delivery.Deaths[0].Queue);
    }
}
