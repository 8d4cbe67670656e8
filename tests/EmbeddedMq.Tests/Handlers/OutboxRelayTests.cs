using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>What becomes of stored messages, on a clock that only the test moves.</summary>
public sealed class OutboxRelayTests : IAsyncLifetime
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    private BusFixture _fixture = null!;
    private FaultyOutboxStore _store = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IOutbox Outbox => _fixture.Bus.Outbox;

    public async ValueTask InitializeAsync()
    {
        _fixture = await BusFixture.StartBrokerAsync();
        _store = new FaultyOutboxStore(_fixture.Time);
    }

    public async ValueTask DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task Add_ToAQueue_IsSentOnceAndConfirmed()
    {
        await StartAsync();

        string id = await Outbox.AddAsync(new Order("1"), cancellationToken: Token);

        await UntilStatusAsync(id, OutboxStatus.Confirmed);
        Delivery delivery = await _fixture.Broker.NextDeliveryAsync("q");
        Assert.Equal(id, delivery.Properties.MessageId);
        Assert.Equal(DeliveryMode.Persistent, delivery.Properties.DeliveryMode);
        Assert.Equal("""{"id":"1","customer":"","region":"eu"}""", delivery.Message.GetText());
        Assert.Empty(await _fixture.Broker.DrainAsync("q"));
    }

    [Fact]
    public async Task Returned_UntilTheQueueIsThere_IsTriedAgainWithGrowingVariedDelays()
    {
        await StartAsync(static o => o.Backoff(Backoff.Exponential(TimeSpan.FromSeconds(4))));
        string id = await Outbox.AddAsync(new Order("1"), PublishOptions.ToQueue("later"), cancellationToken: Token);

        List<double> delays = [];
        for (int attempt = 1; attempt <= 4; attempt++)
        {
            OutboxEntry waiting = await UntilAsync(id, entry => entry.Status == OutboxStatus.Pending && entry.Attempts == attempt);
            Assert.Equal("No queue takes it from exchange '' with key 'later'.", waiting.LastError);
            delays.Add((waiting.DueAt - waiting.ChangedAt) / TimeSpan.FromSeconds(4 << (attempt - 1)));
            if (attempt < 4)
            {
                _fixture.Time.Advance(waiting.DueAt - _fixture.Time.GetUtcNow());
            }
        }

        Assert.All(delays, static factor => Assert.InRange(factor, 0.75, 1.25));
        Assert.Equal(4, delays.Distinct().Count());
        IChannel channel = await _fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("later", cancellationToken: Token);
        await UntilStatusAsync(id, OutboxStatus.Confirmed, TimeSpan.FromSeconds(5));
        Assert.Single(await _fixture.Broker.DrainAsync("later"));
    }

    [Fact]
    public async Task Refused_AsOftenAsItMayBe_IsGivenUpToldAndCanBeRetried()
    {
        TaskCompletionSource<OutboxEntry> told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await StartAsync(o => o.MaxAttempts(3).OnFailed((entry, _, _) =>
        {
            told.SetResult(entry);
            throw new InvalidOperationException("The pager is broken, too.");
        }));
        string id = await Outbox.AddAsync(new Order("1"), PublishOptions.ToQueue("later"), cancellationToken: Token);

        OutboxEntry entry = await _fixture.AdvanceUntilAsync(told.Task, TimeSpan.FromSeconds(1));

        Assert.Equal((id, OutboxStatus.Failed, 3), (entry.Message.Id, entry.Status, entry.Attempts));
        Assert.Equal((OutboxStatus.Failed, 3), await StatusAsync(id));
        RecordingLog.LogEntry error = await _fixture.Log.NextAsync(1501);
        Assert.Equal(LogLevel.Error, error.Level);
        Assert.Contains(id, error.Text, StringComparison.Ordinal);
        Assert.Equal("The pager is broken, too.", (await _fixture.Log.NextAsync(1505)).Error!.Message);

        IChannel channel = await _fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("later", cancellationToken: Token);
        Assert.True(await Outbox.Store.RetryAsync(id, Token));
        await UntilStatusAsync(id, OutboxStatus.Confirmed);
    }

    [Fact]
    public async Task Exchange_Missing_CountsForItsMessagesOnly()
    {
        await StartAsync();
        string[] good = new string[5];
        for (int i = 0; i < good.Length; i++)
        {
            good[i] = await Outbox.AddAsync(new Order($"{i}"), cancellationToken: Token);
        }

        string bad = await Outbox.AddAsync(new Order("bad"), PublishOptions.To("gone"), cancellationToken: Token);

        OutboxEntry waiting = await UntilAsync(bad, static entry => entry is { Status: OutboxStatus.Pending, Attempts: 1 });
        Assert.Contains("NOT_FOUND - no exchange 'gone'", waiting.LastError, StringComparison.Ordinal);
        foreach (string id in good)
        {
            await UntilStatusAsync(id, OutboxStatus.Confirmed);
            Assert.Equal((OutboxStatus.Confirmed, 1), await StatusAsync(id));
        }
    }

    [Fact]
    public async Task Message_ThatClosesItsChannel_TakesNoOtherWithIt()
    {
        await _store.AddAsync([.. Enumerable.Range(0, 20).Select(static i => Make($"{i}", expiration: i == 7 ? "never" : null))], Token);
        await StartAsync(static o => o.MaxAttempts(2));

        await UntilStatusAsync("7", OutboxStatus.Failed, TimeSpan.FromSeconds(1));
        for (int i = 0; i < 20; i++)
        {
            if (i != 7)
            {
                await UntilStatusAsync($"{i}", OutboxStatus.Confirmed);
                Assert.Equal((OutboxStatus.Confirmed, 1), await StatusAsync($"{i}"));
            }
        }

        Assert.Equal(2, (await _store.FindAsync("7", Token))!.Attempts);
        Assert.Equal(19, (await _fixture.Broker.DrainAsync("q")).Count);
    }

    [Fact]
    public async Task OrderKey_WithOneThatIsRefused_HoldsBackThatKeyOnly()
    {
        await _store.AddAsync([Make("a1", "later", "a"), Make("a2", "q", "a"), Make("b1", "q", "b"), Make("a3", "q", "a"), Make("b2", "q", "b"), Make("x")], Token);
        await StartAsync();

        foreach (string id in new[] { "b1", "b2", "x" })
        {
            await UntilStatusAsync(id, OutboxStatus.Confirmed);
        }

        OutboxEntry refused = await UntilAsync("a1", static entry => entry is { Status: OutboxStatus.Pending, Attempts: 1 });
        Assert.NotNull(refused.LastError);
        await UntilAsync("a2", static entry => entry is { Status: OutboxStatus.Pending, Attempts: 0 });
        await UntilAsync("a3", static entry => entry is { Status: OutboxStatus.Pending, Attempts: 0 });
        IReadOnlyList<string> sent = await _fixture.Broker.DrainAsync("q");
        Assert.Equal(["b1", "b2"], sent.Where(static text => text[0] == 'b'));
        Assert.DoesNotContain("a2", sent);

        IChannel channel = await _fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("later", cancellationToken: Token);
        await UntilStatusAsync("a3", OutboxStatus.Confirmed, TimeSpan.FromSeconds(1));
        Assert.Equal(["a2", "a3"], await _fixture.Broker.DrainAsync("q"));
    }

    [Fact]
    public async Task OrderKey_WithOneGivenUp_WaitsUntilItIsDiscarded()
    {
        await _store.AddAsync([Make("a1", "later", "a"), Make("a2", "q", "a")], Token);
        await StartAsync(static o => o.MaxAttempts(1));
        await UntilStatusAsync("a1", OutboxStatus.Failed);
        await UntilStatusAsync("a2", OutboxStatus.Pending);
        _fixture.Time.Advance(TimeSpan.FromHours(1));
        Assert.Empty(await _fixture.Broker.DrainAsync("q"));

        Assert.True(await _store.DiscardAsync("a1", Token));

        await UntilStatusAsync("a2", OutboxStatus.Confirmed);
    }

    [Fact]
    public async Task Broker_Unreachable_IsWaitedForAndCountsAsNoAttempt()
    {
        SwitchedBroker broker = new(_fixture.Broker.Broker);
        await using MessageBus bus = await MessageBus.StartAsync(
            broker, mq => Configure(mq, static o => o.MaxAttempts(1)), new MessageBusOptions(), null, _fixture.Time, _fixture.Log, Token);
        broker.IsDown = true;
        await broker.Management.CloseConnectionsAsync("EmbeddedMq.publish", "test", Token);
        string id = await bus.Outbox.AddAsync(new Order("1"), cancellationToken: Token);

        await _fixture.AdvanceUntilAsync(WarningsAsync(1502, 4), Moment);

        Assert.Equal(
            ["00:00:00.5000000", "00:00:01", "00:00:02", "00:00:04"],
            _fixture.Log.WithId(1502).Take(4).Select(static entry => entry.Text.Split(' ')[^1]));
        Assert.Contains("down", bus.OutboxFailure, StringComparison.Ordinal);
        await UntilAsync(id, static entry => entry is { Status: OutboxStatus.Pending, Attempts: 0 });
        broker.IsDown = false;
        await UntilStatusAsync(id, OutboxStatus.Confirmed, TimeSpan.FromSeconds(1));
        Assert.Null(bus.OutboxFailure);
        Assert.Single(await _fixture.Broker.DrainAsync("q"));
        Task stopping = bus.DisposeAsync().AsTask();
        await _fixture.AdvanceUntilAsync(stopping, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Broker_ThatDoesNotAnswer_IsWaitedForAndCountsAsNoAttempt()
    {
        SwitchedBroker broker = new(_fixture.Broker.Broker);
        await using MessageBus bus = await MessageBus.StartAsync(
            broker,
            mq => Configure(mq, static o => o.MaxAttempts(1).Lease(TimeSpan.FromSeconds(60))),
            new MessageBusOptions(), null, _fixture.Time, _fixture.Log, Token);
        broker.IsSilent = true;
        await broker.Management.CloseConnectionsAsync("EmbeddedMq.publish", "test", Token);
        string id = await bus.Outbox.AddAsync(new Order("1"), cancellationToken: Token);
        await broker.AskedInVain.WithinPatienceAsync("the relay to connect");

        _fixture.Time.Advance(TimeSpan.FromSeconds(45));

        OutboxEntry waiting = await UntilAsync(id, static entry => entry.Status != OutboxStatus.Sent);
        Assert.Equal((OutboxStatus.Pending, 0), (waiting.Status, waiting.Attempts));
        Assert.Contains("does not answer", (await _fixture.Log.NextAsync(1502)).Text, StringComparison.Ordinal);
        broker.IsSilent = false;
        await UntilStatusAsync(id, OutboxStatus.Confirmed, TimeSpan.FromSeconds(1));
        Task stopping = bus.DisposeAsync().AsTask();
        await _fixture.AdvanceUntilAsync(stopping, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Connection_LostWhileConfirmsAreOutstanding_SendsAgainWithoutCountingIt()
    {
        await StartAsync();
        await FillAsync("full");
        string id = await Outbox.AddAsync(new Order("1"), PublishOptions.ToQueue("full"), cancellationToken: Token);
        await WaitingPublishesAsync("full", 1);

        await _fixture.Broker.Broker.Management.CloseConnectionsAsync("EmbeddedMq.publish", "test", Token);
        await _fixture.Log.NextAsync(1502);
        await _fixture.Broker.DrainAsync("full");

        await UntilStatusAsync(id, OutboxStatus.Confirmed, TimeSpan.FromSeconds(1));
        Assert.Equal((OutboxStatus.Confirmed, 1), await StatusAsync(id));
    }

    [Fact]
    public async Task Confirm_NotInTime_CountsAsRefusedWhileTheMessageIsStillHeld()
    {
        await StartAsync(static o => o.Lease(TimeSpan.FromSeconds(60)));
        await FillAsync("full");
        string id = await Outbox.AddAsync(new Order("1"), PublishOptions.ToQueue("full"), cancellationToken: Token);
        await WaitingPublishesAsync("full", 1);

        _fixture.Time.Advance(TimeSpan.FromSeconds(44));
        Assert.Equal((OutboxStatus.Sent, 1), await StatusAsync(id));
        _fixture.Time.Advance(TimeSpan.FromSeconds(1));

        OutboxEntry waiting = await UntilAsync(id, static entry => entry.Status == OutboxStatus.Pending);
        Assert.Equal("No confirm came within 00:00:45.", waiting.LastError);
        await WaitingPublishesAsync("full", 0);
        await _fixture.Broker.DrainAsync("full");
        await UntilStatusAsync(id, OutboxStatus.Confirmed, TimeSpan.FromSeconds(1));
        Assert.Single(await _fixture.Broker.DrainAsync("full"));
    }

    [Fact]
    public async Task Window_Full_TakesNoMore()
    {
        await StartAsync(static o => o.Window(4));
        await FillAsync("full");
        for (int i = 0; i < 10; i++)
        {
            await Outbox.AddAsync(new Order($"{i}"), PublishOptions.ToQueue("full"), cancellationToken: Token);
        }

        await WaitingPublishesAsync("full", 4);
        Assert.Equal(new OutboxCounts(Pending: 6, Sent: 4, Failed: 0), await _store.CountAsync(Token) with { OldestAt = null });
    }

    [Theory]
    [InlineData("take")]
    [InlineData("confirm")]
    public async Task Store_Failing_IsTriedAgainAndNothingIsSentTwice(string call)
    {
        int failures = 3;
        _store.Fails = name => name == call && Interlocked.Decrement(ref failures) >= 0;
        await StartAsync();

        string id = await Outbox.AddAsync(new Order("1"), cancellationToken: Token);

        await _fixture.AdvanceUntilAsync(WarningsAsync(1503, 3), Moment);
        Assert.Equal("The store does not " + call + ".", _fixture.Log.WithId(1503).First().Error!.Message);
        await UntilStatusAsync(id, OutboxStatus.Confirmed, Moment);
        Assert.Single(await _fixture.Broker.DrainAsync("q"));
    }

    [Fact]
    public async Task Store_FailingUntilTheLeaseIsOver_SendsAgainAndLosesNothing()
    {
        _store.Fails = static name => name == "postpone";
        await StartAsync(static o => o.Lease(TimeSpan.FromSeconds(10)).MaxAttempts(1_000_000));
        string id = await Outbox.AddAsync(new Order("1"), PublishOptions.ToQueue("later"), cancellationToken: Token);

        await _fixture.AdvanceUntilAsync(WarningsAsync(1504, 1), Moment);
        _store.Fails = static _ => false;
        IChannel channel = await _fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("later", cancellationToken: Token);

        await UntilStatusAsync(id, OutboxStatus.Confirmed, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Stop_WithConfirmsOutstanding_WaitsForThemAndGivesBackTheRest()
    {
        await StartAsync();
        await FillAsync("full");
        await FillAsync("fuller");
        string soon = await Outbox.AddAsync(new Order("1"), PublishOptions.ToQueue("full"), cancellationToken: Token);
        string late = await Outbox.AddAsync(new Order("2"), PublishOptions.ToQueue("fuller"), cancellationToken: Token);
        await WaitingPublishesAsync("full", 1);
        await WaitingPublishesAsync("fuller", 1);

        Task stopping = _fixture.Bus.StopAsync(Token).AsTask();
        await Outbox.AddAsync(new Order("3"), new PublishOptions { MessageId = "after" }, cancellationToken: Token);
        await _fixture.Broker.DrainAsync("full");
        await UntilStatusAsync(soon, OutboxStatus.Confirmed);
        Assert.False(stopping.IsCompleted);
        await _fixture.AdvanceUntilAsync(stopping, TimeSpan.FromSeconds(1));

        Assert.Equal((OutboxStatus.Pending, 0), await StatusAsync(late));
        Assert.Equal((OutboxStatus.Pending, 0), await StatusAsync("after"));
        Assert.Equal(0, (await _fixture.Broker.DescribeAsync("fuller")).WaitingPublishCount);
    }

    [Fact]
    public async Task WithoutRelay_Stores_AndSendsNothing()
    {
        await StartAsync(static o => o.WithoutRelay());

        string id = await Outbox.AddAsync(new Order("1"), cancellationToken: Token);
        _fixture.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal((OutboxStatus.Pending, 0), await StatusAsync(id));
        Assert.Empty(await _fixture.Broker.DrainAsync("q"));
        Assert.Equal(0, _store.Calls("take"));
    }

    [Fact]
    public async Task Relay_WithAStoreThatOftenFails_SendsEachMessageAndKeepsOrder()
    {
        const int Messages = 400;
        int seed = Seeds.Pick(50_318);
        Random random = Seeds.Generator(seed);
        Lock gate = new();
        bool Often()
        {
            lock (gate)
            {
                return random.Next(5) == 0;
            }
        }

        _store.Fails = name => name != "add" && Often();
        _store.LosesAnswer = name => name is "confirm" or "postpone" && Often();
        OutboxMessage[] messages = [.. Enumerable.Range(0, Messages).Select(i => Make($"{i}", "q", i % 3 == 0 ? null : $"key {i % 7}"))];
        await _store.AddAsync(messages, Token);
        await StartAsync(static o => o.Window(32));

        using CancellationTokenSource patience = new(BrokerFixture.Patience * 2);
        while (await _store.CountAsync(Token) is { Pending: > 0 } or { Sent: > 0 } or { Failed: > 0 })
        {
            Assert.False(patience.IsCancellationRequested, $"Seed {seed}: {await _store.CountAsync(Token)}");
            _fixture.Time.Advance(Moment);
            await Task.Yield();
        }

        // What was noted although the answer was lost is not sent again; what was not, is: each at least once, and first arrivals of a key in order.
        IReadOnlyList<string> sent = await _fixture.Broker.DrainAsync("q");
        Assert.Equal(Messages, sent.Distinct().Count());
        foreach (IGrouping<string?, string> ofKey in sent.Distinct().GroupBy(text => messages[int.Parse(text)].OrderKey).Where(static group => group.Key is not null))
        {
            Assert.True(ofKey.Select(int.Parse).SequenceEqual(ofKey.Select(int.Parse).Order()), $"Seed {seed}, {ofKey.Key}: {string.Join(", ", ofKey)}");
        }
    }

    private static OutboxMessage Make(string id, string queue = "q", string? orderKey = null, string? expiration = null) => new()
    {
        Id = id,
        Exchange = "",
        RoutingKey = queue,
        Message = Message.Text(id, new MessageProperties { MessageId = id, Expiration = expiration }),
        OrderKey = orderKey,
    };

    private void Configure(IEmbeddedMqBuilder mq, Action<IOutboxBuilder>? configure) => mq
        .Topology(static t => t.Queue("q"))
        .Publish<Order>(static p => p.ToQueue("q"))
        .Outbox(o =>
        {
            // Longer than any test: the clock goes faster here than the relay does.
            o.UseStore(_ => _store).Lease(TimeSpan.FromDays(1));
            configure?.Invoke(o);
        });

    private Task<MessageBus> StartAsync(Action<IOutboxBuilder>? configure = null)
        => _fixture.StartBusAsync(
            mq => Configure(mq, configure),
            static options =>
            {
                options.RandomSeed = 1;
                options.StopTimeout = TimeSpan.FromSeconds(20);
                options.StopGrace = TimeSpan.FromDays(1); // longer than any test, as the lease
            });

    // A queue in which the next publish waits for room.
    private async Task FillAsync(string queue)
    {
        IChannel channel = await _fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(queue, static q => q.MaxLength(1, Overflow.BlockPublisher), Token);
        await channel.PublishAsync("", queue, Message.Text("first"), cancellationToken: Token);
    }

    private async Task WaitingPublishesAsync(string queue, long count)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while ((await _fixture.Broker.DescribeAsync(queue)).WaitingPublishCount != count)
        {
            Assert.False(patience.IsCancellationRequested, $"{(await _fixture.Broker.DescribeAsync(queue)).WaitingPublishCount} publishes wait, not {count}.");
            await Task.Yield();
        }
    }

    private async Task<(OutboxStatus Status, int Attempts)> StatusAsync(string id)
    {
        OutboxEntry? entry = await _store.FindAsync(id, Token);
        Assert.NotNull(entry);
        return (entry.Status, entry.Attempts);
    }

    private Task<OutboxEntry> UntilStatusAsync(string id, OutboxStatus status, TimeSpan step = default) => UntilAsync(id, entry => entry.Status == status, step);

    private async Task<OutboxEntry> UntilAsync(string id, Func<OutboxEntry, bool> condition, TimeSpan step = default)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (true)
        {
            OutboxEntry? entry = await _store.FindAsync(id, Token);
            if (entry is not null && condition(entry))
            {
                return entry;
            }

            Assert.False(patience.IsCancellationRequested, $"Message '{id}' is {entry?.Status} after {entry?.Attempts} attempts: {entry?.LastError}");
            if (step > TimeSpan.Zero)
            {
                _fixture.Time.Advance(step);
            }

            await Task.Yield();
        }
    }

    private async Task<bool> WarningsAsync(int eventId, int count)
    {
        await _fixture.Log.CountAsync(eventId, count);
        return true;
    }
}
