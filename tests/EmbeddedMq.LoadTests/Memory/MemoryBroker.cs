using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Memory;

/// <summary>The scenarios on a broker that keeps everything in memory.</summary>
internal sealed class MemoryBroker : IAsyncDisposable
{
    private const string Queue = "load";
    private const string Exchange = "fan";

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(1);

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
        Consuming[] consuming = [.. await Task.WhenAll(Enumerable.Range(0, consumers).Select(_ => ConsumeAsync(Queue, acknowledges, prefetch)))];
        await Task.WhenAll(Enumerable.Range(0, publishers).Select(_ => PublishAsync("", Queue, count / publishers)));
        return await EndAsync(consuming, [Queue], count, count, start);
    }

    /// <summary>One publisher to a fan-out, and a consumer with automatic acknowledgement on each of its queues.</summary>
    internal async Task<Outcome> FanOutAsync(int queues, long count)
    {
        await using IChannel channel = await _connection.OpenChannelAsync();
        await channel.DeclareExchangeAsync(Exchange, ExchangeType.Fanout);
        List<Consuming> consuming = [];
        string[] names = [.. Enumerable.Range(0, queues).Select(static i => string.Create(CultureInfo.InvariantCulture, $"fan-{i}"))];
        foreach (string name in names)
        {
            await channel.DeclareQueueAsync(name);
            await channel.BindQueueAsync(name, Exchange, "");
            consuming.Add(await ConsumeAsync(name, acknowledges: false, prefetch: 0));
        }

        long start = Stopwatch.GetTimestamp();
        await PublishAsync(Exchange, "", count);
        return await EndAsync(consuming, names, count, count * queues, start);
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

    // Completes once it consumes.
    private async Task<Consuming> ConsumeAsync(string queue, bool acknowledges, int prefetch)
    {
        IChannel channel = await _connection.OpenChannelAsync();
        await channel.SetPrefetchAsync(prefetch);
        IConsumer consumer = await channel.StartConsumerAsync(queue, new ConsumerOptions { AutoAck = !acknowledges });
        return new Consuming(consumer, Task.Run(() => ReadAsync(channel, consumer, acknowledges)));
    }

    private static async Task<long> ReadAsync(IChannel channel, IConsumer consumer, bool acknowledges)
    {
        long count = 0;
        await using (channel)
        {
            await foreach (Delivery delivery in consumer.ReadAllAsync())
            {
                if (acknowledges)
                {
                    await channel.AckAsync(delivery.DeliveryTag);
                }

                count++;
            }
        }

        return count;
    }

    // As a bare Channel's writer completes it: consumers read what they have been given, and end. So nobody counts in a place that others write.
    private async Task<Outcome> EndAsync(IReadOnlyCollection<Consuming> consuming, string[] queues, long count, long deliveries, long start)
    {
        await using IChannel channel = await _connection.OpenChannelAsync();
        foreach (string queue in queues)
        {
            while ((await channel.DeclareQueuePassiveAsync(queue)).MessageCount > 0)
            {
                await Task.Delay(Glance, TimeProvider.System);
            }
        }

        foreach (Consuming each in consuming)
        {
            await each.Consumer.CancelAsync();
        }

        long[] received = await Task.WhenAll(consuming.Select(static each => each.Loop));
        return received.Sum() == deliveries
            ? new Outcome(count, Stopwatch.GetElapsedTime(start))
            : throw new InvalidOperationException($"{received.Sum()} of {deliveries} messages were received.");
    }

    private readonly record struct Consuming(IConsumer Consumer, Task<long> Loop);
}
