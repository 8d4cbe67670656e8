using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Memory;

/// <summary>The scenarios on a broker that keeps everything in memory.</summary>
internal sealed class MemoryBroker : IAsyncDisposable
{
    private const string Queue = "load";
    private const string Exchange = "fan";

    private static readonly Message SmallMessage = new(new byte[100]);

    private readonly Broker _broker;
    private readonly IConnection _connection;

    private MemoryBroker(Broker broker, IConnection connection)
    {
        _broker = broker;
        _connection = connection;
    }

    internal static async Task<MemoryBroker> StartAsync()
    {
        Broker broker = await Broker.StartAsync();
        IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync(Queue);
        return new MemoryBroker(broker, connection);
    }

    /// <summary>Publishers, each with a channel, to one queue, and consumers of it, each with a channel.</summary>
    internal async Task<Outcome> RunAsync(int publishers, int consumers, long count, bool acknowledges, int prefetch)
    {
        long start = Stopwatch.GetTimestamp();
        Countdown countdown = new(count);
        (IConsumer, Task)[] consuming = [.. await Task.WhenAll(Enumerable.Range(0, consumers).Select(_ => ConsumeAsync(Queue, acknowledges, prefetch, countdown)))];
        await Task.WhenAll(Enumerable.Range(0, publishers).Select(_ => PublishAsync("", Queue, count / publishers)));
        await countdown.Zero;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        await StopAsync(consuming);
        return new Outcome(count, elapsed);
    }

    /// <summary>One publisher to a fan-out, and a consumer with automatic acknowledgement on each of its queues.</summary>
    internal async Task<Outcome> FanOutAsync(int queues, long count)
    {
        await using IChannel channel = await _connection.OpenChannelAsync();
        await channel.DeclareExchangeAsync(Exchange, ExchangeType.Fanout);
        List<Countdown> countdowns = []; // one each: the bare Channels' readers share no counter either
        List<(IConsumer, Task)> consuming = [];
        for (int i = 0; i < queues; i++)
        {
            countdowns.Add(new Countdown(count));
            string name = $"fan-{i}";
            await channel.DeclareQueueAsync(name);
            await channel.BindQueueAsync(name, Exchange, "");
            consuming.Add(await ConsumeAsync(name, acknowledges: false, prefetch: 0, countdowns[i]));
        }

        long start = Stopwatch.GetTimestamp();
        await PublishAsync(Exchange, "", count);
        await Task.WhenAll(countdowns.Select(static countdown => countdown.Zero));
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        await StopAsync(consuming);
        return new Outcome(count, elapsed);
    }

    /// <summary>One request at a time, answered through the direct reply queue.</summary>
    internal async Task<Outcome> RequestAndReplyAsync(long count, LatencyHistogram latencies)
    {
        const string ReplyTo = "amq.rabbitmq.reply-to";
        await using IChannel asking = await _connection.OpenChannelAsync();
        await using IChannel answering = await _connection.OpenChannelAsync();
        IConsumer replies = await asking.StartConsumerAsync(ReplyTo, new ConsumerOptions { AutoAck = true });
        IConsumer requests = await answering.StartConsumerAsync(Queue, new ConsumerOptions { AutoAck = true });
        Task answers = Task.Run(async () =>
        {
            await foreach (Delivery request in requests.ReadAllAsync())
            {
                await answering.PublishAsync("", request.Message.Properties.ReplyTo!, SmallMessage);
            }
        });
        Message message = SmallMessage.WithProperties(new MessageProperties { ReplyTo = ReplyTo });
        Outcome outcome = await Task.Run(async () =>
        {
            await using IAsyncEnumerator<Delivery> reader = replies.ReadAllAsync().GetAsyncEnumerator();
            long start = Stopwatch.GetTimestamp();
            for (long i = 0; i < count; i++)
            {
                long sent = Stopwatch.GetTimestamp();
                await asking.PublishAsync("", Queue, message);
                await reader.MoveNextAsync();
                latencies.Record(Stopwatch.GetTimestamp() - sent);
            }

            return new Outcome(count, Stopwatch.GetElapsedTime(start));
        });
        await requests.CancelAsync();
        await answers;
        return outcome;
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _broker.DisposeAsync();
    }

    private Task PublishAsync(string exchange, string routingKey, long count) => Task.Run(async () =>
    {
        await using IChannel channel = await _connection.OpenChannelAsync();
        for (long i = 0; i < count; i++)
        {
            await channel.PublishAsync(exchange, routingKey, SmallMessage);
        }
    });

    // Completes once it consumes, with the loop that ends when the consumer does.
    private async Task<(IConsumer Consumer, Task Loop)> ConsumeAsync(string queue, bool acknowledges, int prefetch, Countdown countdown)
    {
        IChannel channel = await _connection.OpenChannelAsync();
        await channel.SetPrefetchAsync(prefetch);
        IConsumer consumer = await channel.StartConsumerAsync(queue, new ConsumerOptions { AutoAck = !acknowledges });
        Task loop = Task.Run(async () =>
        {
            await using (channel)
            {
                await foreach (Delivery delivery in consumer.ReadAllAsync())
                {
                    if (acknowledges)
                    {
                        await channel.AckAsync(delivery.DeliveryTag);
                    }

                    countdown.Signal();
                }
            }
        });
        return (consumer, loop);
    }

    private static async Task StopAsync(IEnumerable<(IConsumer Consumer, Task Loop)> consuming)
    {
        foreach ((IConsumer consumer, Task loop) in consuming)
        {
            await consumer.CancelAsync();
            await loop;
        }
    }
}
