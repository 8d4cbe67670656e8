using EmbeddedMq.Reliability.Tests.Engines;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests.States;

/// <summary>How far a message is, from the outbox to its consumer. Each engine has a subclass.</summary>
public abstract class MessageStateSuite : IAsyncLifetime
{
    private readonly TaskCompletionSource _hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TestEngine _engine = null!;
    private MessageBus? _bus;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Work => _engine.Name("states");

    /// <summary>Starts the engine.</summary>
    protected abstract Task<TestEngine> StartEngineAsync();

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => _engine = await StartEngineAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _hold.TrySetResult();
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
    public async Task Message_FromTheOutboxToItsConsumer_IsFollowed()
    {
        MessageBus bus = await StartAsync();
        Assert.Equal(MessageStage.Unknown, (await bus.States.FindAsync("1", Token)).Stage);

        await bus.Outbox.AddAsync("hold", new PublishOptions { MessageId = "1" }, cancellationToken: Token);
        MessageState inHand = await UntilAsync("1", static state => state.Consumers.Count > 0 && state.Outbox?.Status == OutboxStatus.Confirmed);
        Assert.Equal(MessageStage.Confirmed, inHand.Stage);
        Assert.Equal(IdempotenceState.Claimed, inHand.Consumers[Work].State);
        Assert.Equal(1, inHand.Outbox!.Attempts);

        _hold.SetResult();
        MessageState processed = await UntilAsync("1", static state => state.Stage == MessageStage.Processed);
        Assert.Equal(IdempotenceState.Processed, processed.Consumers[Work].State);
        Assert.Null(processed.Check);
    }

    [Fact]
    public async Task Message_ThatCannotBeSent_HasFailedWithItsReason()
    {
        MessageBus bus = await StartAsync();

        await bus.Outbox.AddAsync("x", PublishOptions.ToQueue(_engine.Name("nowhere")) with { MessageId = "1" }, cancellationToken: Token);

        MessageState failed = await UntilAsync("1", static state => state.Stage == MessageStage.Failed);
        Assert.Equal((OutboxStatus.Failed, 1), (failed.Outbox!.Status, failed.Outbox.Attempts));
        Assert.StartsWith("No queue takes it", failed.Outbox.LastError, StringComparison.Ordinal);
        Assert.Empty(failed.Consumers);
    }

    [Fact]
    public async Task Message_ThatItsConsumerGaveUp_HasFailed()
    {
        MessageBus bus = await StartAsync();

        await bus.Outbox.AddAsync("throw", new PublishOptions { MessageId = "1" }, cancellationToken: Token);

        MessageState failed = await UntilAsync("1", static state => state.Stage == MessageStage.Failed);
        Assert.Equal(IdempotenceState.Failed, failed.Consumers[Work].State);
    }

    [Fact]
    public async Task Message_ThatIsOnlyStored_IsStored()
    {
        MessageBus bus = await StartAsync(static o => o.WithoutRelay());

        await bus.Outbox.AddAsync("x", new PublishOptions { MessageId = "1" }, cancellationToken: Token);

        MessageState stored = await bus.States.FindAsync("1", Token);
        Assert.Equal((MessageStage.Stored, 0), (stored.Stage, stored.Outbox!.Attempts));
    }

    [Fact]
    public async Task Message_ThatIsChecked_IsProcessedWhenItsConsumerHasSaidSo()
    {
        MessageBus bus = await StartAsync();

        await bus.Publisher.PublishAsync(7, new PublishOptions { MessageId = "1" }, Token);

        MessageState processed = await UntilAsync("1", static state => state.Check is { State: IdempotenceState.Processed });
        Assert.Equal(MessageStage.Processed, processed.Stage);
        Assert.Empty(processed.Consumers);
    }

    private async Task<MessageBus> StartAsync(Action<IOutboxBuilder>? outbox = null) => _bus = await MessageBus.StartAsync(
        _engine.Broker,
        mq => mq
            .Topology(t => t.Queue(Work, static q => q.Durable()).Queue(_engine.Name("checked"), static q => q.Durable()))
            .Publish<string>(p => p.ToQueue(Work))
            .Publish<int>(p => p.ToQueue(_engine.Name("checked")).Check(TimeSpan.FromHours(1)))
            .Idempotence(i => i.UseStore(_ => new MemoryIdempotenceStore(new MemoryIdempotenceOptions { TimeProvider = _engine.Clock })).Lease(TestEngine.Lease))
            .Outbox(o =>
            {
                o.UseStore(_ => new MemoryOutboxStore(_engine.Clock)).Lease(TestEngine.Lease).MaxAttempts(1);
                outbox?.Invoke(o);
            })
            .Consume<string>(
                Work,
                async (text, _, _) =>
                {
                    if (text == "throw")
                    {
                        throw new InvalidOperationException("never");
                    }

                    await _hold.Task;
                },
                static c => c.Idempotent())
            .Consume<int>(_engine.Name("checked"), static (_, _, _) => ValueTask.CompletedTask, static c => c.ConfirmsProcessing())
            .Checks(c => c.Queue(_engine.Name("state-checks")).Service()),
        timeProvider: _engine.Clock,
        cancellationToken: Token);

    private async Task<MessageState> UntilAsync(string id, Func<MessageState, bool> condition)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (true)
        {
            MessageState state = await _bus!.States.FindAsync(id, Token);
            if (condition(state))
            {
                return state;
            }

            Assert.False(patience.IsCancellationRequested, $"{state}");
            await Task.Yield();
        }
    }
}
