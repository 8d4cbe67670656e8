using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>What an idempotent consumer recognises, and what becomes of what it has seen before.</summary>
public sealed class IdempotentTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Duplicate_OfAProcessedMessage_IsAcknowledgedWithoutItsHandler()
    {
        Received received = new();
        await using BusFixture fixture = await StartAsync(received);

        await PublishAsync(fixture, "1", "m");
        await PublishAsync(fixture, "1", "m");
        await PublishAsync(fixture, "2", "n");

        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal("1", (await received.NextAsync()).Order.Id);
        Assert.Equal("2", (await received.NextAsync()).Order.Id);
        Assert.Equal(0, received.Count);
        Assert.Equal(3, (await fixture.Broker.DescribeAsync("q")).AckedTotal);
        Assert.Equal(0, (await fixture.Broker.DescribeAsync("q.error")).ReadyCount);
        Assert.Contains("Message 'm' of queue 'q' was processed before", (await fixture.Log.NextAsync(1209)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conflict_SameIdOtherBody_IsDeadLetteredWithThatReason()
    {
        Received received = new();
        await using BusFixture fixture = await StartAsync(received);

        await PublishAsync(fixture, "1", "m");
        await PublishAsync(fixture, "2", "m");

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Delivery dead = await fixture.Broker.NextDeliveryAsync("q.error");
        Assert.Equal("conflict", dead.Message.Headers[MessageHeaders.Reason]);
        Assert.Equal("q", dead.Message.Headers[MessageHeaders.Queue]);
        Assert.Equal(1, received.Count);
        Assert.Contains("(conflict)", (await fixture.Log.NextAsync(1208)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoId_InTheMessage_IsDeadLetteredWithThatReason()
    {
        Received received = new();
        await using BusFixture fixture = await StartAsync(received);
        IChannel channel = await fixture.Broker.OpenChannelAsync();

        await channel.PublishAsync("", "q", Message.Text("""{"Id":"1"}"""), cancellationToken: Token);

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        Assert.Equal("no message id", (await fixture.Broker.NextDeliveryAsync("q.error")).Message.Headers[MessageHeaders.Reason]);
        Assert.Equal(0, received.Count);
    }

    [Fact]
    public async Task Id_OfTheApplications_IsRecognisedInsteadOfTheMessageId()
    {
        Received received = new();
        await using BusFixture fixture = await StartAsync(received, static c => c.Id(static (order, _) => order.Id));

        await PublishAsync(fixture, "1", "m");
        await PublishAsync(fixture, "1", "n");
        await PublishAsync(fixture, "2", "m");

        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(2, received.Count);
    }

    [Theory]
    [InlineData(null, "no message id")]
    [InlineData("", "no message id")]
    [InlineData("long", "unreadable")]
    [InlineData("throws", "unreadable")]
    public async Task Id_OfTheApplicationsThatIsNone_IsDeadLettered(string? id, string reason)
    {
        Received received = new();
        await using BusFixture fixture = await StartAsync(received, c => c.Id((_, _) => id switch
        {
            "long" => new string('é', 128),
            "throws" => throw new FormatException("no such field"),
            _ => id,
        }));

        await PublishAsync(fixture, "1", "m");

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        Assert.Equal(reason, (await fixture.Broker.NextDeliveryAsync("q.error")).Message.Headers[MessageHeaders.Reason]);
        Assert.Equal(0, received.Count);
    }

    [Fact]
    public async Task Fingerprint_OfTheApplications_CountsInsteadOfTheBody()
    {
        Received received = new();
        await using BusFixture fixture = await StartAsync(received, static c => c.Fingerprint(static (order, _) => order.Customer));

        await PublishAsync(fixture, "1", "m", "ann");
        await PublishAsync(fixture, "2", "m", "ann"); // another body, the same reference
        await PublishAsync(fixture, "1", "m", "bob");

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(1, received.Count);
    }

    [Fact]
    public async Task FingerprintHeaders_Chosen_CountBesideTheBody()
    {
        Received received = new();
        await using BusFixture fixture = await StartAsync(received, static c => c.FingerprintHeaders("tenant"));

        await PublishAsync(fixture, "1", "m", headers: HeaderTable.Of("tenant", "a").With("other", 1));
        await PublishAsync(fixture, "1", "m", headers: HeaderTable.Of("tenant", "a").With("other", 2));
        await PublishAsync(fixture, "1", "m", headers: HeaderTable.Of("tenant", "b"));
        await PublishAsync(fixture, "1", "m");

        await fixture.WaitForCountsAsync("q.error", ready: 2);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(1, received.Count);
    }

    [Fact]
    public async Task Scopes_OfTwoQueues_ProcessAMessageOnceEach()
    {
        Received a = new();
        Received b = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("a").Queue("b").Queue("c").Bind("a", "x").Bind("b", "x").Bind("c", "x"))
            .Publish<Order>(static p => p.To("x"))
            .Consume<Order>("a", a.HandleAsync, static c => c.Idempotent())
            .Consume<Order>("b", b.HandleAsync, static c => c.Idempotent(static i => i.Scope("shared")))
            .Consume<Order>("c", b.HandleAsync, static c => c.Idempotent(static i => i.Scope("shared"))));

        await PublishAsync(fixture, "1", "m");
        await PublishAsync(fixture, "1", "m");

        await fixture.AdvanceUntilAsync(Task.WhenAll(
            fixture.WaitForCountsAsync("a", ready: 0), fixture.WaitForCountsAsync("b", ready: 0), fixture.WaitForCountsAsync("c", ready: 0)), TimeSpan.FromMilliseconds(10));
        Assert.Equal(1, a.Count);
        Assert.Equal(1, b.Count);
    }

    [Fact]
    public async Task Start_BrokerWithoutAStore_SaysWhatToAdd()
    {
        await using BrokerFixture broker = await BrokerFixture.StartAsync();

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(async () => await MessageBus.StartAsync(
            new SwitchedBroker(broker.Broker),
            static mq => mq.Topology(static t => t.Queue("q")).Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask, static c => c.Idempotent()),
            cancellationToken: Token));

        Assert.Equal(
            $"The consumer of queue 'q' is idempotent, and broker '{broker.Broker.Name}' has no store of its own to remember processed messages in. " +
            "Add one to the registration: mq.Idempotence(i => i.UseMemory()), or UseEmbedded, UseSql or UseRedis, which outlive the process.",
            error.Message);
    }

    [Fact]
    public async Task Start_MistakesInIt_AreToldWithTheOthers()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(async () => await fixture.StartBusAsync(static mq => mq
            .Idempotence(static i => i.Lease(TimeSpan.Zero))
            .Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask, static c => c.Idempotent(static i => i.Scope("").FingerprintHeaders("x-death", "tenant")))));

        Assert.Equal(
            [
                "The lease of idempotent consumers is 00:00:00. It must be 00:00:01 to 1.00:00:00.",
                "The name of a scope is empty. Give it one.",
                "The consumer of queue 'q' takes header 'x-death' into its fingerprints, which is not the same at each delivery of a message. Leave it out.",
            ],
            error.Failures);
    }

    [Fact]
    public async Task Store_OfTheApplications_IsMadeOnceAndEndedWithTheBus()
    {
        int made = 0;
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();
        ScriptedStore store = new(fixture.Time);
        Received received = new();
        MessageBus bus = await fixture.StartBusAsync(mq => mq
            .Topology(static t => t.Queue("q").Queue("r"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Idempotence(i => i.UseStore(_ =>
            {
                made++;
                return store;
            }))
            .Consume<Order>("q", received.HandleAsync, static c => c.Idempotent())
            .Consume<Order>("r", received.HandleAsync, static c => c.Idempotent()));

        await PublishAsync(fixture, "1", "m");
        await received.NextAsync();
        await bus.DisposeAsync();

        Assert.Equal(1, made);
        Assert.True(store.IsDisposed);
    }

    [Fact]
    public async Task Redelivery_AfterALostChannel_TakesEffectOnce()
    {
        // The handler closes its own connection: the message is completed, and its acknowledgement has nowhere to go.
        int effects = 0;
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        BusFixture? fixture = null;
        await using BusFixture started = fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (_, _, _) =>
                {
                    effects++;
                    await fixture!.Broker.Broker.Management.CloseConnectionsAsync("EmbeddedMq.consume", "cut", Token);
                    done.TrySetResult();
                },
                static c => c.Idempotent()));

        await PublishAsync(fixture, "1", "m");
        await done.Task.WaitAsync(BrokerFixture.Patience, Token);
        await fixture.Log.NextAsync(1205);
        await fixture.AdvanceUntilAsync(fixture.Log.NextAsync(1209), TimeSpan.FromMilliseconds(100));

        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(1, effects);
    }

    [Fact]
    public async Task Ack_CancelledWhileItIsBeingStored_IsNotMadeASecondTime()
    {
        using ScratchDirectory directory = new();
        BrokerOptions options = new() { DataDirectory = directory.Path };
        options.Storage.FreeSpaceWatermarkBytes = 0;
        options.Storage.ReserveBytes = 0;
        TaskCompletionSource<Exception?> acked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(options);
        await fixture.StartBusAsync(mq => mq
            .Topology(static t => t.Queue("q", static q => q.Durable()))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (_, context, _) =>
                {
                    using CancellationTokenSource impatient = new();
                    Task acking = context.AckAsync(impatient.Token).AsTask();
                    await impatient.CancelAsync();
                    acked.TrySetResult(await Record.ExceptionAsync(() => acking));
                },
                static c => c.Idempotent()));

        await PublishAsync(fixture, "1", "m");

        Assert.Null(await acked.Task.WaitAsync(BrokerFixture.Patience, Token));
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("q")).AckedTotal);
    }

    private static Task<BusFixture> StartAsync(Received received, Action<IIdempotentConsumerBuilder<Order>>? configure = null)
        => BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", received.HandleAsync, c => c.Idempotent(configure)));

    private static async Task PublishAsync(BusFixture fixture, string orderId, string messageId, string customer = "", HeaderTable? headers = null)
        => await fixture.Publisher.PublishAsync(new Order(orderId, customer), new PublishOptions { MessageId = messageId, Headers = headers }, Token);
}
