using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

/// <summary>Messages whose headers grow with each death.</summary>
public sealed class LongHistoryTests
{
    private const int Hops = 60;

    [Fact]
    public async Task DeadLetter_OfManyQueuesWithLongKeys_IsNeverLost()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        for (int i = 0; i <= Hops; i++)
        {
            string name = $"q{i}";
            await channel.DeclareExchangeAsync($"to-{name}", ExchangeType.Fanout, static exchange => exchange.Durable());
            await channel.DeclareQueueAsync(name, queue => queue.Durable().DeadLetterTo($"to-q{i + 1}", null));
            await channel.BindQueueAsync(name, $"to-{name}", "");
        }

        object?[] copies = [.. Enumerable.Range(0, 480).Select(static i => (object?)$"{i:D255}")]; // all that fits into the headers
        MessageProperties properties = MessageProperties.Persistent.WithHeader("CC", copies);
        await channel.PublishAsync("to-q0", "key", new Message(new byte[1 << 20], properties));
        for (int i = 0; i < Hops; i++)
        {
            GetResult? got = await channel.GetAsync($"q{i}");
            Assert.True(got is not null, $"The message was lost by death {i}.");
            await channel.RejectAsync(got.Delivery.DeliveryTag, requeue: false);
        }

        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        GetResult? found = await channel.GetAsync($"q{Hops}");
        Assert.Equal(1 << 20, found!.Delivery.Body.Length);
        Assert.Equal(Hops, found.Delivery.Deaths.Count);
    }
}
