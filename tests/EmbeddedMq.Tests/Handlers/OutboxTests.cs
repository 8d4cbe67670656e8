using System.Diagnostics;
using System.Diagnostics.Metrics;
using EmbeddedMq.Hosting;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>What the application sees of the outbox: its registration, what is stored, and how it is watched.</summary>
public sealed class OutboxTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Prepare_ByTheRoute_IsWhatWouldBePublished()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("q"))
            .Publish<Order>(static p => p.To("x", static o => $"k.{o.Region}").MessageId(static o => o.Id).Header("region", static o => o.Region))
            .Outbox(static o => o.UseMemory()));

        OutboxMessage message = fixture.Bus.Outbox.Prepare(new Order("1", "c", "us"), orderKey: "c");

        Assert.Equal(("1", "x", "k.us", false, "c"), (message.Id, message.Exchange, message.RoutingKey, message.Mandatory, message.OrderKey));
        Assert.Equal("1", message.Message.Properties.MessageId);
        Assert.Equal("us", message.Message.Headers["region"]);
        Assert.Equal("application/json", message.Message.Properties.ContentType);
        OutboxMessage toQueue = fixture.Bus.Outbox.Prepare(new Order("2"), PublishOptions.ToQueue("q"));
        Assert.Equal(("", "q", true, null), (toQueue.Exchange, toQueue.RoutingKey, toQueue.Mandatory, toQueue.OrderKey));
        Assert.Null(await fixture.Bus.Outbox.Store.FindAsync("1", Token));
    }

    [Fact]
    public async Task Prepare_IdOrKeyOfImpossibleLength_IsRefused()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Publish<Order>(static p => p.ToQueue("q")).Outbox(static o => o.UseMemory().WithoutRelay()));
        IOutbox outbox = fixture.Bus.Outbox;

        Assert.StartsWith(
            "The message id '' has 0 bytes of UTF-8.",
            Assert.Throws<ArgumentException>(() => outbox.Prepare(new Order("1"), new PublishOptions { MessageId = "" })).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => outbox.Prepare(new Order("1"), new PublishOptions { MessageId = new string('é', 128) }));
        Assert.Throws<ArgumentException>(() => outbox.Prepare(new Order("1"), orderKey: new string('k', 256)));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await outbox.AddAsync("no route", cancellationToken: Token));
    }

    [Fact]
    public async Task Add_TheSameIdTwice_IsRefused()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Publish<Order>(static p => p.ToQueue("q").MessageId(static o => o.Id)).Outbox(static o => o.UseMemory().WithoutRelay()));
        await fixture.Bus.Outbox.AddAsync(new Order("1"), cancellationToken: Token);

        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () => await fixture.Bus.Outbox.AddAsync(new Order("1"), cancellationToken: Token));

        Assert.StartsWith("Message '1' is in the outbox already.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_WithinATrace_KeepsItsContextForTheConsumer()
    {
        using ActivitySource source = new("OutboxTests");
        using ActivityListener listener = new()
        {
            ShouldListenTo = candidate => candidate == source,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Publish<Order>(static p => p.ToQueue("q")).Outbox(static o => o.UseMemory().WithoutRelay()));
        using Activity activity = source.StartActivity("business")!;

        OutboxMessage message = fixture.Bus.Outbox.Prepare(new Order("1"));

        Assert.Equal(activity.Id, message.Message.Headers[MessageHeaders.TraceParent]);
    }

    [Fact]
    public async Task Start_BrokerThatKeepsNoOutboxAndNoStoreSaid_SaysWhatToAdd()
    {
        await using BrokerFixture fixture = await BrokerFixture.StartAsync();

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(async () => await MessageBus.StartAsync(
            new SwitchedBroker(fixture.Broker), static mq => mq.Outbox(), cancellationToken: Token));

        Assert.Equal(
            "The outbox has no store: broker 'EmbeddedMq' keeps none. Say where messages are kept: mq.Outbox(o => o.UseEmbedded(directory)) on this machine's disk, " +
            "o.UseSql(…) in a database (package EmbeddedMq.Sql), or o.UseMemory() if they may be lost with the process.",
            Assert.Single(error.Failures));
    }

    [Fact]
    public async Task Start_SettingsOutOfRange_AreAllTold()
    {
        await using BrokerFixture fixture = await BrokerFixture.StartAsync();

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(async () => await MessageBus.StartAsync(
            fixture.Broker,
            static mq => mq.Outbox(static o => o.UseMemory().MaxAttempts(0).Window(10_001).Lease(TimeSpan.Zero).PollEvery(TimeSpan.FromDays(1))),
            cancellationToken: Token));

        Assert.Equal(4, error.Failures.Count());
    }

    [Fact]
    public async Task Bus_WithoutOutbox_SaysWhatToAdd()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static _ => { });

        Assert.Equal("There is no outbox. Add mq.Outbox() to the registration.", Assert.Throws<InvalidOperationException>(() => fixture.Bus.Outbox).Message);
    }

    [Fact]
    public async Task Host_DefaultAndNamedBroker_HaveAnOutboxEachAndHealthSaysWhenMessagesWereGivenUp()
    {
        using IHost host = new HostBuilder()
            .ConfigureServices(static services =>
            {
                services.AddHealthChecks().AddEmbeddedMq();
                services.AddEmbeddedMq(static mq => mq
                    .Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")).Outbox(static o => o.UseMemory().MaxAttempts(1)));
                services.AddEmbeddedMq("other", static mq => mq.Publish<Order>(static p => p.ToQueue("q")).Outbox(static o => o.UseMemory().WithoutRelay()));
            })
            .Build();
        await host.StartAsync(Token);
        IOutbox outbox = host.Services.GetRequiredService<IOutbox>();
        IOutbox other = host.Services.GetRequiredKeyedService<IOutbox>("other");
        HealthCheckService health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.NotSame(outbox, other);
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Token)).Status);

        string id = await outbox.AddAsync(new Order("1"), PublishOptions.ToQueue("nowhere"), cancellationToken: Token);
        await other.AddAsync(new Order("1"), cancellationToken: Token);
        await Patiently.YieldUntilAsync(async () => (await outbox.Store.FindAsync(id, Token))!.Status == OutboxStatus.Failed, "the failure of the message");

        HealthReport report = await health.CheckHealthAsync(Token);
        Assert.Equal(HealthStatus.Degraded, report.Status);
        Assert.Equal("1 messages of the outbox were given up. Retry or discard them", report.Entries.Single().Value.Description);
        Assert.True(await outbox.Store.DiscardAsync(id, Token));
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Token)).Status);
        Assert.Equal(new OutboxCounts(1, 0, 0), await other.Store.CountAsync(Token) with { OldestAt = null });
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Metrics_OfAMessageThatIsSentAndOneThatIsNot_AreCounted()
    {
        Dictionary<string, long> counts = [];
        using MeterListener listener = new();
        const string Broker = "metrics of the outbox";
        listener.InstrumentPublished = static (instrument, meters) =>
        {
            if (instrument.Meter.Name == EmbeddedMqDiagnostics.MeterName && instrument.Name.StartsWith("embeddedmq.outbox.", StringComparison.Ordinal))
            {
                meters.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            lock (counts)
            {
                if (tags.ToArray().Contains(new KeyValuePair<string, object?>("embeddedmq.broker.name", Broker)))
                {
                    counts[instrument.Name] = counts.GetValueOrDefault(instrument.Name) + value;
                }
            }
        });
        listener.Start();
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { Name = Broker });
        TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await fixture.StartBusAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Outbox(o => o.UseMemory().MaxAttempts(1).OnFailed((_, _, _) =>
            {
                told.TrySetResult();
                return ValueTask.CompletedTask;
            })));

        string sent = await fixture.Bus.Outbox.AddAsync(new Order("1"), cancellationToken: Token);
        await fixture.Bus.Outbox.AddAsync(new Order("2"), PublishOptions.ToQueue("nowhere"), cancellationToken: Token);
        await told.Task.WaitAsync(BrokerFixture.Patience, Token);
        await Patiently.YieldUntilAsync(async () => (await fixture.Bus.Outbox.Store.FindAsync(sent, Token))!.Status == OutboxStatus.Confirmed, "the confirm");

        await fixture.Bus.StopAsync(Token);
        lock (counts)
        {
            Assert.Equal(2, counts["embeddedmq.outbox.stored"]);
            Assert.Equal(2, counts["embeddedmq.outbox.sent"]);
            Assert.Equal(1, counts["embeddedmq.outbox.confirmed"]);
            Assert.Equal(1, counts["embeddedmq.outbox.failed"]);
        }
    }

    [Fact]
    public async Task Gauge_OfTheOldestThatWaits_TellsForHowLong()
    {
        const string Broker = "gauge of the outbox";
        double age = -1;
        using MeterListener listener = new();
        listener.InstrumentPublished = static (instrument, meters) =>
        {
            if (instrument.Name == "embeddedmq.outbox.oldest.age")
            {
                meters.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
        {
            if (tags.ToArray().Contains(new KeyValuePair<string, object?>("embeddedmq.broker.name", Broker)))
            {
                age = value;
            }
        });
        listener.Start();
        FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using IHost host = new HostBuilder()
            .ConfigureServices(services => services.AddEmbeddedMq(mq => mq
                .Configure(options => (options.Name, options.TimeProvider) = (Broker, time))
                .Outbox(o => o.UseStore(_ => new MemoryOutboxStore(time)).WithoutRelay())))
            .Build();
        await host.StartAsync(Token);
        listener.RecordObservableInstruments();
        Assert.Equal(0, age);

        await host.Services.GetRequiredService<IOutbox>().AddAsync(new Order("1"), PublishOptions.ToQueue("q"), cancellationToken: Token);
        time.Advance(TimeSpan.FromSeconds(30));
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (age != 30)
        {
            Assert.False(patience.IsCancellationRequested, $"{age} s");
            listener.RecordObservableInstruments(); // the first one begins to count, a later one tells
            await Task.Yield();
        }

        await host.StopAsync(Token);
    }

    [Theory]
    [InlineData(null, 0, null)]
    [InlineData(null, 2, "2 messages of the outbox were given up. Retry or discard them")]
    [InlineData("It is away", 2, "It is away (7 messages wait, the oldest since 2030-01-02 03:04:05Z)")]
    public void Health_OfAnOutbox_TellsWhatIsWrongAndHowMuchWaits(string? failure, long failed, string? expected)
        => Assert.Equal(expected, BrokerHealthCheck.Describe(failure, new OutboxCounts(4, 3, failed) { OldestAt = new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero) }));
}
