using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests;

/// <summary>The embedded broker in a fixture: on a clock that only the test moves.</summary>
internal static class EmbeddedBroker
{
    /// <summary>Starts it.</summary>
    /// <param name="memoryHighWatermarkBytes">Above this publishers wait; <see langword="null"/> for the default.</param>
    internal static ValueTask<BrokerFixture> StartAsync(long? memoryHighWatermarkBytes = null)
        => BrokerFixture.StartAsync(async time => await Broker.StartAsync(new BrokerOptions
        {
            TimeProvider = time,
            MemoryHighWatermarkBytes = memoryHighWatermarkBytes,
            RandomSeed = 1,
        }));

    /// <summary>The bodies, as texts, of the next deliveries of a consumer.</summary>
    /// <param name="consumer">The consumer; nobody else may read it.</param>
    /// <param name="count">How many deliveries.</param>
    internal static async Task<IReadOnlyList<string>> TakeTextsAsync(this IConsumer consumer, int count)
        => [.. (await consumer.TakeAsync(count)).Select(static delivery => delivery.Message.GetText())];

    /// <summary>The next deliveries of a consumer.</summary>
    /// <param name="consumer">The consumer; nobody else may read it.</param>
    /// <param name="count">How many.</param>
    internal static async Task<IReadOnlyList<Delivery>> TakeAsync(this IConsumer consumer, int count)
    {
        List<Delivery> deliveries = [];
        await using IAsyncEnumerator<Delivery> reading = consumer.ReadAllAsync().GetAsyncEnumerator();
        while (deliveries.Count < count && await BrokerFixture.WithinPatienceAsync(reading.MoveNextAsync(), $"delivery {deliveries.Count + 1} of {count}"))
        {
            deliveries.Add(reading.Current);
        }

        return deliveries;
    }
}
