using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Model.Tests;

/// <summary>What a message costs in allocated bytes on its way through the broker. A rise is a decision, not an accident.</summary>
/// <remarks>96 bytes are the queue's entry; the rest of the bound is for what grows once, in the broker or the runtime, and not for another word in it.</remarks>
public sealed class AllocationTests(ITestOutputHelper output)
{
    private const int Batch = 100;
    private const int WarmUpBatches = 100;
    private const int MeasuredBatches = 1_000;

    [Theory]
    [InlineData(false, 98)]
    [InlineData(true, 98)]
    public async Task PublishConsumeAck_TransientMessageBuiltBefore_AllocatesFewBytes(bool autoAck, int mostBytes)
    {
        await using BrokerFixture broker = await BrokerFixture.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("measured");
        IConsumer consumer = await channel.StartConsumerAsync("measured", new ConsumerOptions { AutoAck = autoAck, PrefetchCount = 2 * Batch });
        await using IAsyncEnumerator<Delivery> deliveries = consumer.ReadAllAsync().GetAsyncEnumerator();
        Message message = new(new byte[100]);

        int thread = Environment.CurrentManagedThreadId;
        long before = 0;
        for (int batch = 0; batch < WarmUpBatches + MeasuredBatches; batch++)
        {
            if (batch == WarmUpBatches)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            for (int i = 0; i < Batch; i++)
            {
                await channel.PublishAsync("", "measured", message);
            }

            for (int i = 0; i < Batch; i++)
            {
                await deliveries.MoveNextAsync();
                if (!autoAck)
                {
                    await channel.AckAsync(deliveries.Current.DeliveryTag);
                }
            }
        }

        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;

        // All of it happens on this thread, or the number would be of something else.
        Assert.Equal(thread, Environment.CurrentManagedThreadId);
        double perMessage = (double)bytes / (Batch * MeasuredBatches);
        output.WriteLine($"{(autoAck ? "auto-ack" : "publish, consume, ack")}: {perMessage:F1} bytes a message; at most {mostBytes}.");
        Assert.InRange(perMessage, 0, mostBytes);
    }
}
