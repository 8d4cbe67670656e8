using BenchmarkDotNet.Attributes;

namespace EmbeddedMq.Benchmarks;

/// <summary>Publishing over the public interface to a broker in memory: checks, route, enqueue, confirm.</summary>
/// <remarks>A thousand at a time into a queue that nobody consumes, which is purged then; the purge is a part of it, and a small one.</remarks>
[MemoryDiagnoser]
public class PublishBenchmarks
{
    private const int Count = 1_000;
    private const string Queue = "load";
    private const string Exchange = "topic";

    private Broker _broker = null!;
    private IConnection _connection = null!;
    private IChannel _channel = null!;
    private Message _message = null!;

    [Params(100, 1_024)]
    public int BodyBytes { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _broker = await Broker.StartAsync();
        _connection = await _broker.ConnectAsync();
        _channel = await _connection.OpenChannelAsync();
        await _channel.DeclareQueueAsync(Queue);
        await _channel.DeclareExchangeAsync(Exchange, ExchangeType.Topic);
        await _channel.BindQueueAsync(Queue, Exchange, "shop.*.placed");
        _message = new Message(new byte[BodyBytes]);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _connection.DisposeAsync();
        await _broker.DisposeAsync();
    }

    /// <summary>A message that is there already, to the queue by its name.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public async Task ToQueueAsync()
    {
        for (int i = 0; i < Count; i++)
        {
            await _channel.PublishAsync("", Queue, _message);
        }

        await _channel.PurgeQueueAsync(Queue);
    }

    /// <summary>The same over a topic exchange.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public async Task ToTopicAsync()
    {
        for (int i = 0; i < Count; i++)
        {
            await _channel.PublishAsync(Exchange, "shop.7.placed", _message);
        }

        await _channel.PurgeQueueAsync(Queue);
    }

    /// <summary>With making the message: its body is copied.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public async Task NewMessageAsync()
    {
        for (int i = 0; i < Count; i++)
        {
            await _channel.PublishAsync("", Queue, new Message(_message.Body.Span));
        }

        await _channel.PurgeQueueAsync(Queue);
    }
}
