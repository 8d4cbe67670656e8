using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>A broker in memory with any number of queues, one of which is in use.</summary>
internal sealed class EmbeddedQueues : IAsyncDisposable
{
    private const int Prefetch = 1_024;

    private static readonly Message SmallMessage = new(new byte[100]);

    private readonly Arrivals _arrivals = new();
    private readonly Broker _broker;
    private readonly string _used;

    private EmbeddedQueues(Broker broker, IConnection connection, IChannel channel, string used)
    {
        _broker = broker;
        Connection = connection;
        Channel = channel;
        _used = used;
    }

    internal IConnection Connection { get; }

    internal IChannel Channel { get; }

    /// <summary>Starts it.</summary>
    /// <param name="queues">How many queues there are; the one in the middle is used, each of the others has one message.</param>
    internal static async Task<EmbeddedQueues> StartAsync(int queues = 1)
    {
        Broker broker = await Broker.StartAsync();
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync();
        string used = Name(queues / 2);
        for (int i = 0; i < queues; i++)
        {
            string name = Name(i);
            await channel.DeclareQueueAsync(name);
            if (name != used)
            {
                await channel.PublishAsync("", name, SmallMessage);
            }
        }

        return new EmbeddedQueues(broker, connection, channel, used);
    }

    /// <summary>Publishers and as many consumers, which acknowledge.</summary>
    internal Task<Outcome> SendAsync(int publishers, long count, LatencyHistogram latencies) => SendAsync("", () => _used, publishers, publishers, count, latencies);

    /// <summary>One publisher to an exchange that leads to the queue, and one consumer.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="nextKey">The key of each next message.</param>
    /// <param name="count">How many messages.</param>
    /// <param name="latencies">How long publishes take.</param>
    internal Task<Outcome> RouteAsync(string exchange, Func<string> nextKey, long count, LatencyHistogram latencies)
        => SendAsync(exchange, nextKey, 1, 1, count, latencies);

    /// <summary>Makes an exchange with so many bindings to the queue.</summary>
    internal async Task BindAsync(string exchange, string type, IEnumerable<string> keys)
    {
        await Channel.DeclareExchangeAsync(exchange, type);
        foreach (string key in keys)
        {
            await Channel.BindQueueAsync(_used, exchange, key);
        }
    }

    /// <summary>Publishes to a queue that nobody consumes.</summary>
    internal Task<Outcome> FillAsync(string queue, long count, LatencyHistogram latencies)
    {
        Arrivals published = new();
        return PublishingLoop.RunAsync(
            1,
            count,
            1,
            published,
            () => async () =>
            {
                await Channel.PublishAsync("", queue, SmallMessage);
                published.Signal();
            },
            latencies);
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await _broker.DisposeAsync();
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"q-{number}");

    private async Task<Outcome> SendAsync(string exchange, Func<string> nextKey, int publishers, int consumers, long count, LatencyHistogram latencies)
    {
        await using Disposables disposables = new();
        List<(IConsumer Consumer, Task Loop)> consuming = [];
        for (int i = 0; i < consumers; i++)
        {
            IChannel channel = disposables.Add(await Connection.OpenChannelAsync());
            await channel.SetPrefetchAsync(Prefetch);
            IConsumer consumer = await channel.StartConsumerAsync(_used);
            consuming.Add((consumer, Task.Run(() => ConsumeAsync(channel, consumer))));
        }

        Stack<IChannel> channels = new();
        for (int i = 0; i < publishers; i++)
        {
            channels.Push(disposables.Add(await Connection.OpenChannelAsync()));
        }

        Outcome outcome = await PublishingLoop.RunAsync(publishers, count, 1, _arrivals, NewSender, latencies);
        foreach ((IConsumer consumer, Task loop) in consuming)
        {
            await consumer.CancelAsync();
            await loop;
        }

        return outcome;

        Func<ValueTask> NewSender()
        {
            lock (channels)
            {
                IChannel channel = channels.Pop();
                return async () => await channel.PublishAsync(exchange, nextKey(), SmallMessage);
            }
        }
    }

    private async Task ConsumeAsync(IChannel channel, IConsumer consumer)
    {
        await foreach (Delivery delivery in consumer.ReadAllAsync())
        {
            await channel.AckAsync(delivery.DeliveryTag);
            _arrivals.Signal();
        }
    }
}
