using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Peers.Buses;
using EmbeddedMq.TestSupport.Servers;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using AmqpChannel = RabbitMQ.Client.IChannel;
using AmqpConnection = RabbitMQ.Client.IConnection;
using AmqpProperties = RabbitMQ.Client.BasicProperties;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>A RabbitMQ server on this machine's loopback, with its own client.</summary>
/// <remarks>
/// <para>Durable classic queues; the server as Debian sets it up, on all cores. Publishers and consumers have a connection each, because a connection
/// is one socket with one lock. Prefetch 1,024, each delivery acknowledged by itself, as ours are.</para>
/// <para>In S1 to S4 messages are transient and nobody waits for a confirm, which is its fastest way; ours is confirmed at each publish. A
/// persistent publish is confirmed when the server has handed it to the operating system: it syncs nothing for each.</para>
/// </remarks>
internal sealed class RabbitPeer : IAsyncDisposable
{
    private const string Queue = "load";
    private const string Exchange = "fan";
    private const string ReplyTo = "amq.rabbitmq.reply-to";
    private const int Queues = 4;
    private const ushort Prefetch = 1_024;

    private static readonly byte[] Body = new byte[100];

    private readonly Arrivals _arrivals = new();
    private readonly RabbitServer _server;
    private readonly ConnectionFactory _factory;
    private readonly AmqpConnection _publishing;
    private readonly AmqpConnection _consuming;
    private readonly AmqpChannel _confirming;

    private RabbitPeer(RabbitServer server, ConnectionFactory factory, AmqpConnection publishing, AmqpConnection consuming, AmqpChannel confirming)
    {
        _server = server;
        _factory = factory;
        _publishing = publishing;
        _consuming = consuming;
        _confirming = confirming;
    }

    /// <summary>Connects to a server, which is not this one's.</summary>
    internal static async Task<RabbitPeer> StartAsync(RabbitServer server)
    {
        ConnectionFactory factory = new() { Uri = new Uri(server.Uri) };
        AmqpConnection publishing = await factory.CreateConnectionAsync();
        AmqpConnection consuming = await factory.CreateConnectionAsync();

        // Without a limiter of its own: the windows of the scenarios are the limit.
        AmqpChannel confirming = await publishing.CreateChannelAsync(new CreateChannelOptions(true, true, null));
        await confirming.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false);
        await confirming.ExchangeDeclareAsync(Exchange, RabbitMQ.Client.ExchangeType.Fanout);
        for (int i = 0; i < Queues; i++)
        {
            await confirming.QueueDeclareAsync($"fan-{i}", durable: true, exclusive: false, autoDelete: false);
            await confirming.QueueBindAsync($"fan-{i}", Exchange, "");
        }

        return new RabbitPeer(server, factory, publishing, consuming, confirming);
    }

    /// <summary>S1, S1a, S3: publishers, one queue, consumers.</summary>
    internal async Task<Outcome> SendAsync(int publishers, int consumers, long count, bool acknowledges, LatencyHistogram latencies)
    {
        await using Disposables disposables = new();
        for (int i = 0; i < consumers; i++)
        {
            await ConsumeAsync(Queue, acknowledges, disposables);
        }

        Stack<AmqpChannel> channels = new();
        for (int i = 0; i < publishers; i++)
        {
            AmqpConnection connection = disposables.Add(await _factory.CreateConnectionAsync());
            channels.Push(disposables.Add(await connection.CreateChannelAsync()));
        }

        return await PublishingLoop.RunAsync(
            publishers,
            count,
            1,
            _arrivals,
            () =>
            {
                lock (channels)
                {
                    return NewSender(channels.Pop(), "", Queue);
                }
            },
            latencies);
    }

    /// <summary>S2: one publisher, four queues, a consumer with automatic acknowledgement for each.</summary>
    internal async Task<Outcome> BroadcastAsync(long count, LatencyHistogram latencies)
    {
        await using Disposables disposables = new();
        for (int i = 0; i < Queues; i++)
        {
            await ConsumeAsync($"fan-{i}", acknowledges: false, disposables);
        }

        AmqpChannel channel = disposables.Add(await _publishing.CreateChannelAsync());
        return await PublishingLoop.RunAsync(1, count, Queues, _arrivals, () => NewSender(channel, Exchange, ""), latencies);
    }

    /// <summary>S4: one request at a time, answered through the direct reply queue.</summary>
    internal async Task<Outcome> AskAsync(long count, LatencyHistogram latencies)
    {
        await using Disposables disposables = new();
        AmqpChannel asking = disposables.Add(await _publishing.CreateChannelAsync());
        AmqpChannel answering = disposables.Add(await _consuming.CreateChannelAsync());
        Answers answers = new();
        await StartAsync(asking, ReplyTo, true, _ =>
        {
            answers.Signal();
            return Task.CompletedTask;
        });
        await StartAsync(answering, Queue, true, async request => await answering.BasicPublishAsync("", request.BasicProperties.ReplyTo!, Body));
        AmqpProperties properties = new() { ReplyTo = ReplyTo };
        return await PublishingLoop.AskAsync(
            count,
            async () =>
            {
                Task answered = answers.Expect();
                await asking.BasicPublishAsync("", Queue, false, properties, Body);
                await answered;
            },
            latencies);
    }

    /// <summary>S5: persistent publishes, nobody consumes. The queue is empty afterwards.</summary>
    internal async Task<Outcome> PublishAsync(int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        Outcome outcome = await new ConfirmWindow(window, NewConfirmed(bodyBytes)).RunAsync(duration, latencies);
        await _confirming.QueuePurgeAsync(Queue);
        return outcome;
    }

    /// <summary>S6: persistent publishes beside a consumer that acknowledges each, until the last is acknowledged.</summary>
    internal async Task<Outcome> PublishAndConsumeAsync(int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
        => await DurableRun.RunAsync(
            async received =>
            {
                Disposables disposables = new();
                AmqpChannel channel = disposables.Add(await _consuming.CreateChannelAsync());
                await channel.BasicQosAsync(0, Prefetch, false);
                await StartAsync(channel, Queue, false, async delivery =>
                {
                    await channel.BasicAckAsync(delivery.DeliveryTag, false);
                    received.Signal();
                });
                return disposables;
            },
            () => new ConfirmWindow(window, NewConfirmed(bodyBytes)).RunAsync(duration, latencies));

    /// <summary>S7: fills the queue.</summary>
    internal Task<Outcome> FillAsync(int bodyBytes, int count) => new ConfirmWindow(Prefetch, NewConfirmed(bodyBytes)).RunAsync(count);

    /// <summary>S7: consumes and acknowledges so many messages.</summary>
    internal async Task<Outcome> DrainAsync(int count)
    {
        Func<Task> arrived = _arrivals.Expect(count);
        long start = Stopwatch.GetTimestamp();
        await using Disposables disposables = new();
        await ConsumeAsync(Queue, acknowledges: true, disposables);
        await arrived();
        return new Outcome(count, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>The memory that the server says it uses.</summary>
    internal async Task<long> MemoryAsync()
        => long.Parse((await _server.ControlAsync("eval", "erlang:memory(total).")).Trim(), CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        await _consuming.DisposeAsync();
        await _confirming.DisposeAsync();
        await _publishing.DisposeAsync();
    }

    private static Func<ValueTask> NewSender(AmqpChannel channel, string exchange, string routingKey)
    {
        AmqpProperties properties = new();
        return () => channel.BasicPublishAsync(exchange, routingKey, false, properties, Body);
    }

    private Func<ValueTask> NewConfirmed(int bodyBytes)
    {
        AmqpProperties properties = new() { DeliveryMode = DeliveryModes.Persistent };
        byte[] body = new byte[bodyBytes];
        return () => _confirming.BasicPublishAsync("", Queue, false, properties, body);
    }

    private async Task ConsumeAsync(string queue, bool acknowledges, Disposables disposables)
    {
        AmqpConnection connection = disposables.Add(await _factory.CreateConnectionAsync());
        AmqpChannel channel = disposables.Add(await connection.CreateChannelAsync());
        await channel.BasicQosAsync(0, Prefetch, false);
        await StartAsync(channel, queue, !acknowledges, async delivery =>
        {
            if (acknowledges)
            {
                await channel.BasicAckAsync(delivery.DeliveryTag, false);
            }

            _arrivals.Signal();
        });
    }

    private static Task<string> StartAsync(AmqpChannel channel, string queue, bool autoAck, Func<BasicDeliverEventArgs, Task> receive)
    {
        AsyncEventingBasicConsumer consumer = new(channel);
        consumer.ReceivedAsync += (_, delivery) => receive(delivery);
        return channel.BasicConsumeAsync(queue, autoAck, consumer);
    }
}
