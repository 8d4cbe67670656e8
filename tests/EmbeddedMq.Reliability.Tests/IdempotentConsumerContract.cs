using System.Collections.Concurrent;
using System.Globalization;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.Reliability.Tests;

/// <summary>What typed consumers must make of every idempotence store, on both engines: each message takes effect exactly once. Each store has a subclass.</summary>
/// <remarks>Time is real here: the server of RabbitMQ has no other, and neither have databases.</remarks>
public abstract class IdempotentConsumerContract : IAsyncLifetime
{
    private const int Ids = 200;
    private const int Handlers = 16;

    private static readonly TimeSpan Patience = BrokerFixture.Patience * 4;
    private static int _queues;

    private readonly ConcurrentDictionary<string, int> _effects = new();
    private IIdempotenceStore? _store;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Services that handlers find in their context; <see langword="null"/>: none.</summary>
    protected virtual IServiceProvider? Services => null;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => _store = await CreateAsync();

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        switch (_store)
        {
            case IAsyncDisposable disposable:
                await disposable.DisposeAsync();
                break;
            case IDisposable disposable:
                disposable.Dispose();
                break;
            default:
                break;
        }
    }

    [Fact]
    public async Task Embedded_SixteenConsumersDuplicatesRedeliveriesAndCuts_EachIdOnce()
    {
        await using Broker broker = await Broker.StartAsync(cancellationToken: Token);
        await ProveAsync(broker, async () => await broker.Management.CloseConnectionsAsync("EmbeddedMq.consume", "cut", Token));
    }

    [Fact]
    public async Task RabbitMq_SixteenConsumersDuplicatesAndRedeliveries_EachIdOnce()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        await using RabbitMqBroker broker = await RabbitMqBroker.StartAsync(server.ToOptions(), Token);
        await ProveAsync(broker, static () => Task.CompletedTask);
    }

    /// <summary>Makes a new and empty store. Called once for each test.</summary>
    protected abstract ValueTask<IIdempotenceStore> CreateAsync();

    /// <summary>Says which store consumers use. Default: the one that was made, which stays the test's.</summary>
    /// <param name="builder">Where to say it.</param>
    /// <param name="store">What <see cref="CreateAsync"/> made.</param>
    protected virtual void Configure(IIdempotenceBuilder builder, IIdempotenceStore store) => builder.UseStore(_ => new Borrowed(store));

    /// <summary>The effect of a message. Default: counted in memory. Where effect and mark commit together, written in that transaction.</summary>
    /// <param name="id">The message.</param>
    /// <param name="context">Its context.</param>
    protected virtual ValueTask TakeEffectAsync(string id, IMessageContext context)
    {
        _effects.AddOrUpdate(id, 1, static (_, count) => count + 1);
        return ValueTask.CompletedTask;
    }

    /// <summary>How often each message took effect.</summary>
    protected virtual ValueTask<IReadOnlyDictionary<string, int>> CountEffectsAsync() => new(_effects);

    /// <summary>Feeds sixteen handlers with every id once and near a third of them again, shuffled; handlers fail and requeue before their effect, and
    /// connections are cut under them; then the same once more. Buses are started until nothing is left.</summary>
    private async Task ProveAsync(IBroker broker, Func<Task> cutAsync)
    {
        string queue = string.Create(CultureInfo.InvariantCulture, $"once-{GetType().Name}-{Interlocked.Increment(ref _queues)}-{Environment.ProcessId}");
        int seed = Seeds.Pick(20_304);
        Random random = Seeds.Generator(seed);
        string[] feed = [.. Enumerable.Range(0, Ids).Concat(Enumerable.Range(0, Ids * 3 / 7).Select(_ => random.Next(Ids))).Select(static i => i.ToString(CultureInfo.InvariantCulture))];
        random.Shuffle(feed);
        HashSet<string> failing = [.. feed.Where(_ => random.Next(6) == 0)];
        HashSet<string> requeued = [.. feed.Where(_ => random.Next(6) == 0)];
        HashSet<string> cutting = [.. feed.Where(_ => random.Next(60) == 0)];
        ConcurrentDictionary<string, bool> disturbed = new();

        async ValueTask HandleAsync(Item item, IMessageContext context, CancellationToken cancellationToken)
        {
            await Task.Yield();
            if (failing.Contains(item.Id) && disturbed.TryAdd("failed " + item.Id, true))
            {
                throw new TimeoutException("not yet");
            }

            if (requeued.Contains(item.Id) && disturbed.TryAdd("requeued " + item.Id, true))
            {
                await context.RequeueAsync(cancellationToken);
                return;
            }

            if (cutting.Contains(item.Id) && disturbed.TryAdd("cut " + item.Id, true))
            {
                // From here on the acknowledgements of all sixteen have nowhere to go; their effects are done and remembered all the same.
                await cutAsync();
            }

            await TakeEffectAsync(item.Id, context);
        }

        string[] rest = [.. feed, .. feed];
        for (int bus = 0; !await IsEmptyAsync(broker, queue, isThere: bus > 0); bus++)
        {
            Assert.True(bus < 20, $"Seed {seed}: there are messages left after {bus} starts.");
            await RunOnceAsync(broker, queue, bus, rest, HandleAsync);
            rest = [];
        }

        IReadOnlyDictionary<string, int> effects = await CountEffectsAsync();
        Assert.True(
            effects.Count == Ids && effects.Values.All(static count => count == 1),
            $"Seed {seed}: {effects.Count} of {Ids} took effect; not once: {string.Join(", ", effects.Where(static effect => effect.Value != 1))}");
        Assert.True(await IsEmptyAsync(broker, queue + ".error"), $"Seed {seed}: messages were dead-lettered.");
    }

    /// <summary>Starts a bus, publishes, and stops it when a last message has come through: what is in the queue then is all that is left.</summary>
    private async Task RunOnceAsync(
        IBroker broker, string queue, int number, string[] feed, Func<Item, IMessageContext, CancellationToken, ValueTask> handle)
    {
        string last = string.Create(CultureInfo.InvariantCulture, $"last {number}");
        TaskCompletionSource lastCame = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using MessageBus bus = await MessageBus.StartAsync(
            broker,
            mq => mq
                .Topology(t => t.Queue(queue, static q => q.Durable()).Queue(queue + ".error", static q => q.Durable()))
                .Publish<Item>(p => p.ToQueue(queue).MessageId(static item => item.Id))
                .Idempotence(builder => Configure(builder, _store!))
                .Consume<Item>(
                    queue,
                    (item, context, cancellationToken) =>
                    {
                        if (!item.Id.StartsWith("last", StringComparison.Ordinal))
                        {
                            return handle(item, context, cancellationToken);
                        }

                        _ = item.Id == last && lastCame.TrySetResult();
                        return ValueTask.CompletedTask;
                    },
                    static c => c.Concurrency(Handlers).Prefetch(64).Idempotent().Retry(static r => r.Else(3, Backoff.None))),
            new MessageBusOptions { RestartDelay = TimeSpan.FromMilliseconds(5), MaxRestartDelay = TimeSpan.FromMilliseconds(100) },
            Services,
            cancellationToken: Token);
        foreach (string id in (string[])[.. feed, last])
        {
            await bus.Publisher.PublishAsync(new Item(id), cancellationToken: Token);
        }

        await lastCame.Task.WaitAsync(Patience, Token);
        await bus.StopAsync(Token);
    }

    private static async Task<bool> IsEmptyAsync(IBroker broker, string queue, bool isThere = true)
    {
        if (!isThere)
        {
            return false;
        }

        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        await using IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        return await channel.GetAsync(queue, cancellationToken: Token) is null; // what it took goes back with the channel
    }

    /// <summary>A message.</summary>
    /// <param name="Id">Its id.</param>
    protected sealed record Item(string Id);

    /// <summary>Keeps a bus from ending a store that the next one works on.</summary>
    private sealed class Borrowed(IIdempotenceStore store) : IIdempotenceStore
    {
        public ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) => store.ClaimAsync(request, cancellationToken);

        public ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
            => store.FindAsync(scope, messageId, cancellationToken);
    }
}
