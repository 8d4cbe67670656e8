using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.TestSupport.Servers;
using StackExchange.Redis;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>A stream of a Redis server on this machine's loopback, appendfsync always: an answer to a write has waited for its sync.</summary>
/// <remarks>The client sends what is outstanding in one go. The consumer is one of a group, takes 256 at a time, acknowledges and deletes them together.</remarks>
internal sealed class RedisPeer : IAsyncDisposable
{
    private const int ConsumerBatch = 256;

    private static readonly RedisKey Key = "load";
    private static readonly RedisValue Group = "group";

    private readonly RedisServer _server;
    private readonly ConnectionMultiplexer _connection;
    private readonly IDatabase _database;

    private RedisPeer(RedisServer server, ConnectionMultiplexer connection)
    {
        _server = server;
        _connection = connection;
        _database = connection.GetDatabase();
    }

    internal static async Task<RedisPeer> StartAsync()
    {
        RedisServer server = await RedisServer.StartAsync();
        return new RedisPeer(server, await ConnectionMultiplexer.ConnectAsync(server.Configuration));
    }

    /// <summary>S5: publishes; nobody consumes. The stream is gone afterwards.</summary>
    internal async Task<Outcome> PublishAsync(int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        Outcome outcome = await new ConfirmWindow(window, NewSender(bodyBytes)).RunAsync(duration, latencies);
        await _database.KeyDeleteAsync(Key);
        return outcome;
    }

    /// <summary>S6: publishes beside a consumer, until the last is acknowledged.</summary>
    internal async Task<Outcome> PublishAndConsumeAsync(int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        await _database.StreamCreateConsumerGroupAsync(Key, Group, "0-0");
        Outcome outcome = await DurableRun.RunAsync(
            received =>
            {
                Disposables disposables = new();
                disposables.Add(new PollingConsumer(TakeAsync, received));
                return Task.FromResult(disposables);
            },
            () => new ConfirmWindow(window, NewSender(bodyBytes)).RunAsync(duration, latencies));
        await _database.KeyDeleteAsync(Key);
        return outcome;
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _server.DisposeAsync();
    }

    private Func<ValueTask> NewSender(int bodyBytes)
    {
        RedisValue body = new byte[bodyBytes];
        return () => new ValueTask(_database.StreamAddAsync(Key, "body", body));
    }

    private async Task<int> TakeAsync()
    {
        StreamEntry[] entries = await _database.StreamReadGroupAsync(Key, Group, "consumer", ">", ConsumerBatch);
        if (entries.Length > 0)
        {
            RedisValue[] ids = Array.ConvertAll(entries, static entry => entry.Id);
            await Task.WhenAll(_database.StreamAcknowledgeAsync(Key, Group, ids), _database.StreamDeleteAsync(Key, ids));
        }

        return entries.Length;
    }
}
