using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Storage;

/// <summary>A broker with storage and one durable queue.</summary>
internal sealed class DurableBroker : IAsyncDisposable
{
    private const string Queue = "load";
    private const int Prefetch = 1_024;

    private readonly Broker _broker;
    private readonly IConnection _connection;
    private readonly IChannel _publisher;
    private readonly IChannel _consumer;

    private DurableBroker(Broker broker, IConnection connection, IChannel publisher, IChannel consumer)
    {
        _broker = broker;
        _connection = connection;
        _publisher = publisher;
        _consumer = consumer;
    }

    internal static async Task<DurableBroker> StartAsync(string directory)
    {
        Broker broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory });
        IConnection connection = await broker.ConnectAsync();
        IChannel publisher = await connection.OpenChannelAsync();
        IChannel consumer = await connection.OpenChannelAsync();
        await publisher.DeclareQueueAsync(Queue, static queue => queue.Durable());
        await consumer.SetPrefetchAsync(Prefetch);
        return new DurableBroker(broker, connection, publisher, consumer);
    }

    internal static Message NewMessage(int bodyBytes)
    {
        byte[] body = new byte[bodyBytes];
        new Random(1).NextBytes(body);
        return new Message(body, MessageProperties.Persistent);
    }

    /// <summary>Publishes for a time; nobody consumes. The queue is empty afterwards.</summary>
    internal async Task<Outcome> PublishAsync(int bodyBytes, int window, PublishFlags flags, TimeSpan duration, LatencyHistogram latencies)
    {
        Outcome outcome = await new WindowedPublisher(_publisher, Queue, NewMessage(bodyBytes), window, flags).PublishAsync(duration, latencies);
        await _publisher.PurgeQueueAsync(Queue);
        return outcome;
    }

    /// <summary>Publishes for a time beside a consumer that acknowledges each message, and waits until the last is acknowledged.</summary>
    internal async Task<Outcome> PublishAndConsumeAsync(int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        long start = Stopwatch.GetTimestamp();
        await using IConsumer consumer = await _consumer.StartConsumerAsync(Queue);
        ConsumingLoop loop = new(_consumer, consumer);
        Outcome published = await new WindowedPublisher(_publisher, Queue, NewMessage(bodyBytes), window).PublishAsync(duration, latencies);
        await loop.ReachAsync(published.Messages);
        return published with { Elapsed = Stopwatch.GetElapsedTime(start) };
    }

    /// <summary>Publishes so many messages.</summary>
    internal Task<Outcome> FillAsync(int bodyBytes, int count) => new WindowedPublisher(_publisher, Queue, NewMessage(bodyBytes), Prefetch).PublishAsync(count);

    /// <summary>Consumes and acknowledges so many messages.</summary>
    internal async Task<Outcome> DrainAsync(int count)
    {
        long start = Stopwatch.GetTimestamp();
        await using IConsumer consumer = await _consumer.StartConsumerAsync(Queue);
        await new ConsumingLoop(_consumer, consumer).ReachAsync(count);
        return new Outcome(count, Stopwatch.GetElapsedTime(start));
    }

    internal async Task<uint> CountAsync() => (await _publisher.DeclareQueuePassiveAsync(Queue)).MessageCount;

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _broker.DisposeAsync();
    }
}
