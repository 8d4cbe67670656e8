using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.Relay;

/// <summary>What the outbox's relay makes of a broker's refusals. Each engine has a subclass.</summary>
public abstract class RelaySuite : IAsyncLifetime
{
    private TestEngine _engine = null!;
    private MemoryOutboxStore _store = null!;
    private MessageBus? _bus;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Queue => _engine.Name("relayed");

    /// <summary>Starts the engine.</summary>
    protected abstract Task<TestEngine> StartEngineAsync();

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _engine = await StartEngineAsync();
        _store = new MemoryOutboxStore(_engine.Clock);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_bus is not null)
        {
            await _engine.UntilAsync(_bus.DisposeAsync().AsTask(), "the end of the bus");
        }

        if (_engine is not null)
        {
            await _engine.DisposeAsync();
        }
    }

    [Fact]
    public async Task Messages_OfManyKeys_AreSentOnceAndInOrder()
    {
        const int Messages = 500;
        OutboxMessage[] messages = [.. Enumerable.Range(0, Messages).Select(i => Make($"{i}", i % 3 == 0 ? null : $"key {i % 7}"))];
        await _store.AddAsync(messages, Token);
        await StartAsync();

        await UntilAsync(async () => await _store.CountAsync(Token) == default, "all are confirmed");

        int[] sent = [.. (await _engine.DrainAsync(Queue)).Select(static delivery => int.Parse(delivery.Message.GetText()))];
        Assert.Equal(Enumerable.Range(0, Messages), sent.Order());
        foreach (IGrouping<string?, int> ofKey in sent.GroupBy(number => messages[number].OrderKey).Where(static group => group.Key is not null))
        {
            Assert.True(ofKey.SequenceEqual(ofKey.Order()), $"{ofKey.Key}: {string.Join(", ", ofKey)}");
        }
    }

    [Fact]
    public async Task Message_ThatClosesItsChannel_FailsAloneAndTheRestIsSent()
    {
        await _store.AddAsync([.. Enumerable.Range(0, 50).Select(i => Make($"{i}", expiration: i == 20 ? "never" : null))], Token);
        await StartAsync();

        await UntilAsync(async () => await _store.CountAsync(Token) == new OutboxCounts(0, 0, 1), "one has failed and the rest is confirmed");

        OutboxEntry failed = (await _store.FindAsync("20", Token))!;
        Assert.Equal((OutboxStatus.Failed, 2), (failed.Status, failed.Attempts));
        Assert.Contains("expiration", failed.LastError, StringComparison.OrdinalIgnoreCase);
        foreach (int other in Enumerable.Range(0, 50).Where(static i => i != 20))
        {
            Assert.Equal(1, (await _store.FindAsync($"{other}", Token))!.Attempts);
        }
    }

    [Fact]
    public async Task Refused_ForEachReason_FailsWithItAndTakesNoOtherAlong()
    {
        string gone = _engine.Name("gone");
        await _store.AddAsync(
            [Make("1"), Make("no exchange") with { Exchange = gone }, Make("2"), Make("no queue") with { RoutingKey = gone }, Make("3"), Make("nobody cares") with { RoutingKey = gone, Mandatory = false }],
            Token);
        await StartAsync();

        await UntilAsync(async () => await _store.CountAsync(Token) == new OutboxCounts(0, 0, 2), "two have failed and the rest is confirmed");

        Assert.Contains($"no exchange '{gone}'", (await _store.FindAsync("no exchange", Token))!.LastError, StringComparison.Ordinal);
        Assert.Equal($"No queue takes it from exchange '' with key '{gone}'.", (await _store.FindAsync("no queue", Token))!.LastError);
        Assert.Equal(3u, await _engine.CountAsync(Queue));
    }

    [Fact]
    public async Task Connection_LostAgainAndAgain_LosesNothing()
    {
        const int Messages = 300;
        await StartAsync();
        for (int i = 0; i < Messages; i++)
        {
            await _bus!.Outbox.AddAsync(i, new PublishOptions { MessageId = $"{i}" }, $"key {i % 10}", Token);
            if (i % 60 == 30)
            {
                await _engine.Broker.Management.CloseConnectionsAsync($"{_engine.Broker.Name}.publish", "cut by the test", Token);
            }
        }

        await UntilAsync(async () => await _store.CountAsync(Token) is { Pending: 0, Sent: 0 }, "all are confirmed");

        Assert.Equal(default, await _store.CountAsync(Token));
        Assert.Equal(Messages, (await _engine.DrainAsync(Queue)).Select(static delivery => delivery.Properties.MessageId).Distinct().Count());
    }

    private OutboxMessage Make(string id, string? orderKey = null, string? expiration = null) => new()
    {
        Id = id,
        Exchange = "",
        RoutingKey = Queue,
        Message = Message.Text(id, new MessageProperties { MessageId = id, Expiration = expiration }),
        OrderKey = orderKey,
    };

    private async Task StartAsync() => _bus = await MessageBus.StartAsync(
        _engine.Broker,
        mq => mq
            .Topology(t => t.Queue(Queue, static q => q.Durable()))
            .Publish<int>(p => p.ToQueue(Queue))
            .Outbox(o => o.UseStore(_ => _store).MaxAttempts(2).Lease(TestEngine.Lease).Backoff(Backoff.Fixed(_engine.Span(1)))),
        new MessageBusOptions { RestartDelay = _engine.Span(1) },
        timeProvider: _engine.Clock,
        cancellationToken: Token);

    private Task UntilAsync(Func<Task<bool>> condition, string what) => _engine.UntilAsync(() => new ValueTask<bool>(condition()), what);
}
