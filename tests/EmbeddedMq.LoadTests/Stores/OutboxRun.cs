using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Peers;

namespace EmbeddedMq.LoadTests.Stores;

/// <summary>Messages that wait in an outbox are relayed to a broker in memory, until the last is noted as confirmed.</summary>
internal sealed class OutboxRun
{
    private const string Queue = "relayed";
    private const int PerAdd = 50;

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(1);

    private readonly Func<Disposables, Task<IOutboxStore>> _open;
    private readonly Disposables _disposables;
    private IOutboxStore? _store;
    private Broker? _target;
    private long _next;

    private OutboxRun(Func<Disposables, Task<IOutboxStore>> open, Disposables disposables)
    {
        _open = open;
        _disposables = disposables;
    }

    /// <summary>One for each outbox that needs no server.</summary>
    internal static IEnumerable<Measurement> Measurements(Arguments arguments, Disposables disposables)
    {
        // So many in a second, about.
        (string Name, int Rate, Func<Disposables, Task<IOutboxStore>> Open)[] outboxes =
        [
            ("EmbeddedMq, in memory", 160_000, static _ => Task.FromResult<IOutboxStore>(new MemoryOutboxStore())),
            (StoreUnderLoad.Embedded, 40_000, async kept => kept.Add(await StoreUnderLoad.StartBrokerAsync(Path.Combine(arguments.Directory, "outbox"))).Outbox),
            (StoreUnderLoad.Sqlite, 16_000, kept => Task.FromResult<IOutboxStore>(
                new SqlOutboxStore(kept.Add(StoreUnderLoad.SqliteSource(Path.Combine(arguments.Directory, "outbox.db"))), new SqlOutboxOptions { CreateTables = true }))),
        ];
        foreach ((string name, int rate, Func<Disposables, Task<IOutboxStore>> open) in outboxes)
        {
            OutboxRun run = new(open, disposables);
            long count = (long)(rate * arguments.Duration.TotalSeconds);
            yield return new Measurement($"outbox relayed · {name}", _ => run.RelayAsync(count));
        }
    }

    private async Task<Outcome> RelayAsync(long count)
    {
        _store ??= await _open(_disposables);
        _target ??= _disposables.Add(await Broker.StartAsync());
        for (long stored = 0; stored < count; stored += PerAdd)
        {
            await _store.AddAsync([.. Enumerable.Range(0, (int)Math.Min(PerAdd, count - stored)).Select(_ => Make())]);
        }

        await using IConnection connection = await _target.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync(Queue);
        long start = Stopwatch.GetTimestamp();
        await using (await MessageBus.StartAsync(_target, mq => mq.Outbox(o => o.UseStore(_ => _store))))
        {
            // Where they arrive first: to count what is left may be a look at each.
            while ((await channel.DeclareQueuePassiveAsync(Queue)).MessageCount < count || await _store.CountAsync() is { Pending: > 0 } or { Sent: > 0 })
            {
                await Task.Delay(Glance, TimeProvider.System);
            }
        }

        Outcome outcome = new(count, Stopwatch.GetElapsedTime(start));
        await channel.PurgeQueueAsync(Queue);
        return outcome;
    }

    private OutboxMessage Make()
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"m-{++_next}");
        return new OutboxMessage { Id = id, Exchange = "", RoutingKey = Queue, Message = new Message(new byte[100], new MessageProperties { MessageId = id }) };
    }
}
