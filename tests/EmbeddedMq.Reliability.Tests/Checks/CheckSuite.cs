using System.Collections.Concurrent;
using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.Checks;

/// <summary>Delayed second confirmation. Each engine has a subclass.</summary>
public abstract class CheckSuite : IAsyncLifetime
{
    private readonly List<MessageBus> _buses = [];
    private readonly ConcurrentQueue<MessageCheck> _asked = new();
    private readonly ConcurrentQueue<(Order Order, string? MessageId)> _handled = new();
    private readonly ConcurrentQueue<(MessageCheck Check, string Reason)> _failed = new();
    private TestEngine _engine = null!;
    private MemoryIdempotenceStore _store = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Work => _engine.Name("work");

    private string Checks => _engine.Name("checks");

    // On a server longer than any test takes: there a check comes due when the test lets it.
    private TimeSpan Delay => _engine.HasOwnClock ? TimeSpan.FromMinutes(1) : TimeSpan.FromHours(1);

    /// <summary>Starts the engine.</summary>
    protected abstract Task<TestEngine> StartEngineAsync();

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _engine = await StartEngineAsync();
        _store = new MemoryIdempotenceStore(new MemoryIdempotenceOptions { TimeProvider = _engine.Clock });
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_engine is null)
        {
            return;
        }

        foreach (MessageBus bus in _buses)
        {
            await _engine.UntilAsync(bus.DisposeAsync().AsTask(), "the end of a bus");
        }

        await _engine.DisposeAsync();
    }

    [Fact]
    public async Task Confirmed_InTime_NobodyIsAsked()
    {
        MessageBus bus = await StartAsync(mq => Consume(mq), Resend);
        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilConfirmedAsync("1");

        // What was published later and is not confirmed is asked about later.
        await bus.Publisher.PublishAsync(new Order(2), Id("2") with { RoutingKey = _engine.Name("unread") }, Token);
        await UntilAskedAsync(1);

        Assert.Equal("2", _asked.Single().MessageId);
        IdempotenceMark? mark = await _store.FindAsync("checks", "1", Token);
        Assert.Equal(IdempotenceState.Processed, mark?.State);
    }

    [Fact]
    public async Task NotConfirmed_ProducerResends_SameIdIsProcessedAndConfirmed()
    {
        bool isFirst = true;
        MessageBus bus = await StartAsync(
            mq => Consume(mq, async context =>
            {
                if (isFirst)
                {
                    isFirst = false;
                    await context.DeadLetterAsync("lost by the test", Token);
                }
            }),
            Resend);

        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilAskedAsync(1);
        await UntilConfirmedAsync("1");

        MessageCheck asked = _asked.Single();
        Assert.Equal(("1", "order", "", Work, 1), (asked.MessageId, asked.MessageType, asked.Exchange, asked.RoutingKey, asked.Attempt));
        Assert.Equal([(new Order(1), "1"), (new Order(1), "1")], _handled);
    }

    [Fact]
    public async Task NotConfirmed_ProducerSaysSettled_NothingIsSentAndNobodyAsksAgain()
    {
        MessageBus bus = await StartAsync(
            static _ => { },
            check => new(check.MessageId == "settled" ? CheckAnswer.Settled<Order>() : CheckAnswer.Resend(new Order(2))));

        await bus.Publisher.PublishAsync(new Order(1), Id("settled"), Token);
        await bus.Publisher.PublishAsync(new Order(2), Id("other"), Token);
        await UntilFailedAsync(1);

        Assert.Equal(["other", "other", "settled"], _asked.Select(static check => check.MessageId).Order());
        await UntilSentAsync(4);
    }

    [Fact]
    public async Task NeverConfirmed_AttemptsAreOver_AlertsAndKeepsTheCheck()
    {
        MessageBus bus = await StartAsync(static _ => { }, Resend, static c => c.MaxAttempts(2));

        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilFailedAsync(1);

        (MessageCheck check, string reason) = _failed.Single();
        Assert.Equal(("1", 2), (check.MessageId, check.Attempt));
        Assert.Equal("Nobody has confirmed it after 2 attempts.", reason);
        Assert.Equal([1], _asked.Select(static asked => asked.Attempt));
        Delivery kept = await NextFailedAsync();
        Assert.Equal("1", kept.Message.Headers[MessageHeaders.CheckMessageId]);
        Assert.Equal(reason, kept.Message.Headers[MessageHeaders.Reason]);
        await UntilSentAsync(2);
    }

    [Fact]
    public async Task Producer_FailsToAnswer_IsAskedAgainAfterADelay()
    {
        int calls = 0;
        MessageBus bus = await StartAsync(
            static _ => { },
            _ => ++calls < 3 ? throw new InvalidOperationException("The database is down.") : new(CheckAnswer.Settled<Order>()));

        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilAskedAsync(3);

        Assert.Equal([1, 1, 1], _asked.Select(static check => check.Attempt));
        Assert.Empty(_failed);
    }

    [Fact]
    public async Task Producer_NeverAnswers_AlertsAndKeepsTheCheck()
    {
        MessageBus bus = await StartAsync(static _ => { }, static _ => throw new InvalidOperationException("The database is down."));

        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilFailedAsync(1);

        Assert.Equal("Its producer could not be asked: The database is down.", _failed.Single().Reason);
        Assert.Equal(3, _asked.Count);
        Assert.Equal("1", (await NextFailedAsync()).Message.Headers[MessageHeaders.CheckMessageId]);
    }

    [Fact]
    public async Task Producer_Unknown_AlertsAndKeepsTheCheck()
    {
        MessageBus bus = await StartAsync(static _ => { }, null);

        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilFailedAsync(1);

        Assert.Equal("Nobody answers for messages of type 'order'.", _failed.Single().Reason);
    }

    [Fact]
    public async Task Producer_InAnotherProcess_IsAskedByRequestAndResends()
    {
        string questions = _engine.Name("questions");
        MessageBus producer = await StartBusAsync(mq => Publish(mq)
            .Checks(c => c.Queue(Checks).Answer<Order>(questions, (check, _, _) => AnswerAsync(check, Resend))));
        await StartBusAsync(mq => Consume(mq.Topology(t => t.Queue(Work, static q => q.Durable())), static context =>
            context.Headers[MessageHeaders.CheckAttempt] is 1 ? context.DeadLetterAsync("lost by the test", Token) : ValueTask.CompletedTask));
        await StartBusAsync(mq => Configure(mq.Publish<Order>(static p => p.Type("order")), c => Service(c).CallBackTo<Order>(questions)));

        await producer.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilAskedAsync(1);
        await UntilConfirmedAsync("1");

        Assert.Equal(("1", 1), (_asked.Single().MessageId, _asked.Single().Attempt));
        Assert.Equal(2, _handled.Count);
    }

    [Fact]
    public async Task Confirmation_Lost_IsAskedFor()
    {
        MessageBus bus = await StartBusAsync(mq => Consume(Publish(mq)).Checks(c => c.Queue(Checks)));
        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilHandledAsync(1);
        Delivery? confirmation = null;
        await _engine.UntilAsync(async () => (confirmation = await _engine.GetAsync(Checks)) is not null, "a confirmation");
        Assert.Equal("1", confirmation!.Value.Message.Headers[MessageHeaders.CheckMessageId]);
        Assert.Equal(Work, confirmation.Value.Message.Headers[MessageHeaders.Queue]);

        await StartBusAsync(mq => Configure(mq.Publish<Order>(p => p.ToQueue(Work).Type("order")), c => Service(c).CallBack<Order>((check, _, _) => AnswerAsync(check, Resend))));
        await UntilAskedAsync(1);
        await UntilConfirmedAsync("1");

        Assert.Equal(1, _asked.Single().Attempt);
        Assert.Equal(2, _handled.Count);
    }

    [Fact]
    public async Task Confirmation_AfterTheProducerWasAsked_EndsTheChecks()
    {
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        MessageBus bus = await StartAsync(mq => Consume(mq, _ => new ValueTask(hold.Task)), Resend, static c => c.MaxAttempts(2));
        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilAskedAsync(1);

        hold.SetResult();
        await UntilHandledAsync(2);
        await UntilConfirmedAsync("1");
        await bus.Publisher.PublishAsync(new Order(2), Id("2") with { RoutingKey = _engine.Name("unread") }, Token);
        await UntilFailedAsync(1);

        Assert.Equal("2", _failed.Single().Check.MessageId);
    }

    [Fact]
    public async Task Resent_AfterItWasProcessedByAnIdempotentConsumer_IsIgnoredAndConfirmedAgain()
    {
        MessageBus bus = await StartBusAsync(mq => Consume(Publish(mq), configure: static c => c.Idempotent())
            .Idempotence(i => i.UseStore(_ => _store).Lease(TestEngine.Lease))
            .Checks(c => c.Queue(Checks)));
        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await _engine.UntilAsync(async () => await _engine.GetAsync(Checks) is not null, "a confirmation, which is lost");

        await StartBusAsync(mq => Configure(mq.Publish<Order>(p => p.ToQueue(Work).Type("order")), c => Service(c).CallBack<Order>((check, _, _) => AnswerAsync(check, Resend))));
        await UntilAskedAsync(1);
        await UntilConfirmedAsync("1");

        Assert.Equal(1, _asked.Single().Attempt);
        Assert.Single(_handled);
    }

    [Fact]
    public async Task Processed_ByAnIdempotentConsumer_IsConfirmedAndWhatItSendsIsCheckedToo()
    {
        MessageBus bus = await StartAsync(
            mq => Consume(
                mq,
                async context =>
                {
                    if (context.Properties.MessageId == "1")
                    {
                        await context.Publisher.PublishAsync(new Order(2), Id("2") with { RoutingKey = _engine.Name("unread") }, Token);
                    }
                },
                static c => c.Idempotent()),
            Resend);

        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        await UntilConfirmedAsync("1");
        await UntilAskedAsync(1);

        Assert.Equal("2", _asked.First().MessageId);
        Assert.Single(_handled);
    }

    [Fact]
    public async Task Message_NotSentAfterItsCheck_IsAskedFor()
    {
        MessageBus bus = await StartAsync(mq => Consume(mq), static _ => new(CheckAnswer.Settled<Order>()));

        await Assert.ThrowsAsync<PublishException>(async () =>
            await bus.Publisher.PublishAsync(new Order(1), PublishOptions.ToQueue(_engine.Name("nowhere")) with { MessageId = "1" }, Token));
        await UntilAskedAsync(1);

        Assert.Equal((_engine.Name("nowhere"), 1), (_asked.Single().RoutingKey, _asked.Single().Attempt));
        Assert.Empty(_handled);
    }

    [Fact]
    public async Task Message_OfAnOutbox_IsCheckedToo()
    {
        MemoryOutboxStore outbox = new(_engine.Clock);
        MessageBus bus = await StartAsync(mq => Consume(mq.Outbox(o => o.UseStore(_ => outbox).Lease(TestEngine.Lease))), Resend);

        await bus.Outbox.AddAsync(new Order(1), Id("1"), cancellationToken: Token);
        await UntilConfirmedAsync("1");
        await bus.Outbox.AddAsync(new Order(2), Id("2") with { RoutingKey = _engine.Name("unread") }, cancellationToken: Token);
        await UntilAskedAsync(1);

        Assert.Equal("2", _asked.Single().MessageId);
    }

    [Fact]
    public async Task Headers_PassedOnByAnApplication_AskForNoCheck()
    {
        string next = _engine.Name("next");
        MessageBus bus = await StartBusAsync(mq => Publish(mq)
            .Topology(t => t.Queue(next, static q => q.Durable()))
            .Publish<string>(p => p.ToQueue(next))
            .Consume<Order>(Work, async (_, context, token) => await context.Publisher.PublishAsync("next", new PublishOptions { Headers = context.Headers.With("mine", 1) }, token))
            .Checks(c => c.Queue(Checks)));
        await bus.Publisher.PublishAsync(new Order(1), Id("1"), Token);
        Delivery? delivery = null;
        await _engine.UntilAsync(async () => (delivery = await _engine.GetAsync(next)) is not null, "the next message");

        Assert.Equal(["mine"], delivery!.Value.Message.Headers.Keys);
    }

    private static ValueTask<CheckAnswer<Order>> Resend(MessageCheck check) => new(CheckAnswer.Resend(new Order(int.Parse(check.MessageId))));

    private static PublishOptions Id(string id) => new() { MessageId = id };

    private IEmbeddedMqBuilder Publish(IEmbeddedMqBuilder mq) => mq
        .Topology(t => t.Queue(Work, static q => q.Durable()).Queue(_engine.Name("unread"), static q => q.Durable()))
        .Publish<Order>(p => p.ToQueue(Work).Type("order").Check(Delay));

    private IEmbeddedMqBuilder Consume(IEmbeddedMqBuilder mq, Func<IMessageContext, ValueTask>? handle = null, Action<IConsumerBuilder<Order>>? configure = null) => mq.Consume<Order>(
        Work,
        async (order, context, _) =>
        {
            if (handle is not null)
            {
                await handle(context);
            }

            _handled.Enqueue((order, context.Properties.MessageId));
        },
        c =>
        {
            c.ConfirmsProcessing();
            configure?.Invoke(c);
        });

    private ICheckBuilder Service(ICheckBuilder checks) => checks
        .Queue(Checks)
        .Service()
        .Retry(r => r.Else(2, Backoff.Fixed(_engine.Span(5))))
        .OnFailed((check, reason, _, _) =>
        {
            _failed.Enqueue((check, reason));
            return ValueTask.CompletedTask;
        });

    private IEmbeddedMqBuilder Configure(IEmbeddedMqBuilder mq, Action<ICheckBuilder> configure) => mq
        .Idempotence(i => i.UseStore(_ => _store).Lease(TestEngine.Lease))
        .Checks(configure);

    private async ValueTask<CheckAnswer<Order>> AnswerAsync(MessageCheck check, Func<MessageCheck, ValueTask<CheckAnswer<Order>>> answer)
    {
        _asked.Enqueue(check);
        return await answer(check);
    }

    private Task<MessageBus> StartAsync(
        Action<IEmbeddedMqBuilder> configure, Func<MessageCheck, ValueTask<CheckAnswer<Order>>>? answer, Action<ICheckBuilder>? checks = null)
        => StartBusAsync(mq =>
        {
            configure(Publish(mq));
            Configure(mq, c =>
            {
                checks?.Invoke(Service(c));
                Service(c);
                if (answer is not null)
                {
                    c.CallBack<Order>((check, _, _) => AnswerAsync(check, answer));
                }
            });
        });

    private async Task<MessageBus> StartBusAsync(Action<IEmbeddedMqBuilder> configure)
    {
        MessageBus bus = await MessageBus.StartAsync(
            _engine.Broker, configure, new MessageBusOptions { RestartDelay = _engine.Span(1), RequestTimeout = TimeSpan.FromHours(1) }, timeProvider: _engine.Clock, cancellationToken: Token);
        _buses.Add(bus);
        return bus;
    }

    private Task UntilHandledAsync(int count) => _engine.UntilAsync(() => new ValueTask<bool>(_handled.Count >= count), $"{count} messages handled", isMoving: false);

    // Of messages that were sent once: the check of one that is sent again is not due by then.
    private Task UntilAskedAsync(int count) => _engine.UntilAsync(
        async () =>
        {
            await LetChecksComeDueAsync(attempt: 1);
            return _asked.Count >= count;
        },
        $"{count} questions");

    private Task UntilSentAsync(uint count) => _engine.UntilAsync(async () => await _engine.CountAsync(Work) == count, $"{count} messages sent", isMoving: false);

    private Task UntilFailedAsync(int count) => _engine.UntilAsync(
        async () =>
        {
            await LetChecksComeDueAsync(int.MaxValue);
            return _failed.Count >= count;
        },
        $"{count} messages given up");

    // Does what the server does with checks whose time to live is over. On a clock that is moved the engine does it.
    private async Task LetChecksComeDueAsync(int attempt)
    {
        if (!_engine.HasOwnClock)
        {
            await _engine.MoveAsync($"{Checks}.wait.{Delay.TotalMilliseconds}", Checks, check => check.Headers[MessageHeaders.CheckAttempt] is int made && made <= attempt);
        }
    }

    private Task UntilConfirmedAsync(string id) => _engine.UntilAsync(
        async () => await _store.FindAsync("checks", id, Token) is { State: IdempotenceState.Processed }, $"message {id} confirmed", isMoving: false);

    private async Task<Delivery> NextFailedAsync()
    {
        Delivery? delivery = null;
        await _engine.UntilAsync(async () => (delivery = await _engine.GetAsync($"{Checks}.failed")) is not null, "a failed check");
        return delivery!.Value;
    }

    private sealed record Order(int Number);
}
