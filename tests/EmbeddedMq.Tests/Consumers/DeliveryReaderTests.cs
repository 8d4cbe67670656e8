using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Consumers;

/// <summary>Enumerating a consumer's deliveries: what holds of every enumeration, and of one reader at a time.</summary>
public sealed class DeliveryReaderTests
{
    [Fact]
    public async Task SecondReader_WhileTheFirstReads_IsRefusedAndChangesNothing()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, 3);
        await using IAsyncEnumerator<Delivery> first = consumer.ReadAllAsync().GetAsyncEnumerator();
        Assert.True(await first.MoveNextAsync());
        IAsyncEnumerator<Delivery> second = consumer.ReadAllAsync().GetAsyncEnumerator();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await second.MoveNextAsync());
        Assert.False(await second.MoveNextAsync());
        await second.DisposeAsync();
        Assert.True(await first.MoveNextAsync());
        Assert.Equal("1", first.Current.Message.GetText());
        await channel.DisposeAsync();
    }

    [Fact]
    public async Task Reader_AfterAnotherWasDisposed_GoesOnBehindIt()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (_, IConsumer consumer) = await StartAsync(broker, 3);
        IAsyncEnumerator<Delivery> never = consumer.ReadAllAsync().GetAsyncEnumerator();
        await never.DisposeAsync();
        await using (IAsyncEnumerator<Delivery> first = consumer.ReadAllAsync().GetAsyncEnumerator())
        {
            Assert.True(await first.MoveNextAsync());
        }

        Assert.Equal(["1", "2"], await consumer.TakeTextsAsync(2));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task EitherToken_Cancelled_EndsTheReading(bool ofMethod, bool ofEnumeration)
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (_, IConsumer consumer) = await StartAsync(broker, 3);
        using CancellationTokenSource method = new();
        using CancellationTokenSource enumeration = new();
        IAsyncEnumerator<Delivery> reader = consumer.ReadAllAsync(method.Token).GetAsyncEnumerator(enumeration.Token);
        Assert.True(await reader.MoveNextAsync());
        if (ofMethod)
        {
            await method.CancelAsync();
        }

        if (ofEnumeration)
        {
            await enumeration.CancelAsync();
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reader.MoveNextAsync()); // there are two to read
        Assert.False(await reader.MoveNextAsync());
        await reader.DisposeAsync();
        Assert.Equal(["1", "2"], await consumer.TakeTextsAsync(2));
    }

    [Fact]
    public async Task Token_CancelledWhileItWaits_EndsTheReading()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, 0);
        using CancellationTokenSource cancellation = new();
        await using (IAsyncEnumerator<Delivery> reader = consumer.ReadAllAsync(cancellation.Token).GetAsyncEnumerator())
        {
            ValueTask<bool> move = reader.MoveNextAsync();
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await move);
        }

        await channel.PublishAsync("", "q", Message.Text("after"));
        Assert.Equal(["after"], await consumer.TakeTextsAsync(1));
    }

    [Fact]
    public async Task Consumer_Cancelled_EndsTheReadingBehindWhatItHolds()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (_, IConsumer consumer) = await StartAsync(broker, 2);
        await using IAsyncEnumerator<Delivery> reader = consumer.ReadAllAsync().GetAsyncEnumerator();
        Assert.True(await reader.MoveNextAsync());
        await consumer.CancelAsync();
        Assert.True(await reader.MoveNextAsync());
        Assert.False(await reader.MoveNextAsync());
        Assert.False(await reader.MoveNextAsync());
    }

    private static async Task<(IChannel Channel, IConsumer Consumer)> StartAsync(BrokerFixture broker, int count)
    {
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i < count; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}"));
        }

        return (channel, await channel.StartConsumerAsync("q"));
    }
}
