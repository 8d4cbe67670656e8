using BenchmarkDotNet.Attributes;

namespace EmbeddedMq.Benchmarks;

/// <summary>The whole way over the public interface: publish, enqueue, dispatch, receive, acknowledge; on one thread, so that no wait is measured.</summary>
[MemoryDiagnoser]
public class DeliverBenchmarks
{
    private const int Count = 1_000;
    private const string Acknowledged = "acknowledged";
    private const string Automatic = "automatic";
    private const string Got = "got";

    private readonly Message _message = new(new byte[100]);

    private Broker _broker = null!;
    private IConnection _connection = null!;
    private IChannel _channel = null!;
    private IAsyncEnumerator<Delivery> _acknowledged = null!;
    private IAsyncEnumerator<Delivery> _automatic = null!;

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _broker = await Broker.StartAsync();
        _connection = await _broker.ConnectAsync();
        _channel = await _connection.OpenChannelAsync();
        foreach (string queue in new[] { Acknowledged, Automatic, Got })
        {
            await _channel.DeclareQueueAsync(queue);
        }

        _acknowledged = (await _channel.StartConsumerAsync(Acknowledged)).ReadAllAsync().GetAsyncEnumerator();
        _automatic = (await _channel.StartConsumerAsync(Automatic, new ConsumerOptions { AutoAck = true })).ReadAllAsync().GetAsyncEnumerator();
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _connection.DisposeAsync();
        await _broker.DisposeAsync();
    }

    /// <summary>Each delivery is acknowledged by itself.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public async Task AcknowledgeEachAsync()
    {
        await PublishAsync(Acknowledged);
        for (int i = 0; i < Count; i++)
        {
            await _acknowledged.MoveNextAsync();
            await _channel.AckAsync(_acknowledged.Current.DeliveryTag);
        }
    }

    /// <summary>All deliveries are acknowledged by the last.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public async Task AcknowledgeAllAsync()
    {
        await PublishAsync(Acknowledged);
        for (int i = 0; i < Count; i++)
        {
            await _acknowledged.MoveNextAsync();
        }

        await _channel.AckAsync(_acknowledged.Current.DeliveryTag, multiple: true);
    }

    /// <summary>Nothing is acknowledged.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public async Task AutoAckAsync()
    {
        await PublishAsync(Automatic);
        for (int i = 0; i < Count; i++)
        {
            await _automatic.MoveNextAsync();
        }
    }

    /// <summary>No consumer: each message is asked for.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public async Task GetAsync()
    {
        await PublishAsync(Got);
        for (int i = 0; i < Count; i++)
        {
            GetResult? got = await _channel.GetAsync(Got);
            await _channel.AckAsync(got!.Delivery.DeliveryTag);
        }
    }

    private async Task PublishAsync(string queue)
    {
        for (int i = 0; i < Count; i++)
        {
            await _channel.PublishAsync("", queue, _message);
        }
    }
}
