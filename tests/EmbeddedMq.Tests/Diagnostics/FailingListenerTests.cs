using System.Diagnostics;
using System.Diagnostics.Metrics;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Tests.Handlers;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Diagnostics;

/// <summary>A listener of the application that throws costs its readings and nothing else.</summary>
/// <remarks>Listeners hear of the whole process: these throw for what their test does only.</remarks>
public sealed class FailingListenerTests
{
    private const string Queue = "listened";
    private const string BrokerName = "listened";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MetricsListener_Throws_MessagesAreHandledAndStoredOnesSent()
    {
        using MeterListener listener = Listen(static tags => tags.Contains(new(TelemetryTags.DestinationName, Queue)) || tags.Contains(new(TelemetryTags.Broker, BrokerName)));

        await HandleFourAsync();
    }

    [Theory]
    [InlineData("sample")]
    [InlineData("started")]
    [InlineData("stopped")]
    public async Task TraceListener_Throws_MessagesAreHandledAndStoredOnesSent(string when)
    {
        using ActivityListener listener = new()
        {
            ShouldListenTo = static source => source.Name == EmbeddedMqDiagnostics.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
            {
                if (!options.Name.EndsWith(Queue, StringComparison.Ordinal))
                {
                    return ActivitySamplingResult.None;
                }

                ThrowIf(when == "sample");
                return ActivitySamplingResult.AllData;
            },
            ActivityStarted = activity => ThrowIf(when == "started" && activity.DisplayName.EndsWith(Queue, StringComparison.Ordinal)),
            ActivityStopped = activity => ThrowIf(when == "stopped" && activity.DisplayName.EndsWith(Queue, StringComparison.Ordinal)),
        };
        ActivitySource.AddActivityListener(listener);

        await HandleFourAsync();
    }

    [Fact]
    public async Task MetricsListener_OfCommits_IsNotCalledByTheThreadThatEveryPublisherWaitsFor()
    {
        int called = 0;
        using MeterListener listener = Listen(
            tags =>
            {
                Interlocked.Increment(ref called);
                return true;
            },
            "embeddedmq.storage.commit.duration");
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static queue => queue.Durable(), Token);

        for (int i = 0; i < 40; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}", MessageProperties.Persistent), cancellationToken: Token).AsTask().WaitAsync(BrokerFixture.Patience, Token);
        }

        Assert.True(called > 0);
        Assert.Equal(StorageState.Open, stored.Broker.Storage!.State);
    }

    private static async Task HandleFourAsync()
    {
        int handled = 0;
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { Name = BrokerName });
        await fixture.StartBusAsync(mq => mq
            .Topology(static t => t.Queue(Queue))
            .Publish<Order>(static p => p.ToQueue(Queue))
            .Outbox()
            .Consume<Order>(
                Queue,
                (_, _, _) =>
                {
                    if (Interlocked.Increment(ref handled) == 4)
                    {
                        done.SetResult();
                    }

                    return ValueTask.CompletedTask;
                },
                static c => c.Idempotent()));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await fixture.Publisher.PublishAsync(new Order("2"), cancellationToken: Token);
        await fixture.Bus.Outbox.AddAsync(new Order("3"), cancellationToken: Token);
        string last = await fixture.Bus.Outbox.AddAsync(new Order("4"), cancellationToken: Token);

        await done.Task.WaitAsync(BrokerFixture.Patience, Token);
        await fixture.WaitForCountsAsync(Queue, ready: 0);
        await Patiently.YieldUntilAsync(async () => (await fixture.Bus.Outbox.Store.FindAsync(last, Token))?.Status == OutboxStatus.Confirmed, "the confirm");
        await fixture.Bus.StopAsync(Token).AsTask().WaitAsync(BrokerFixture.Patience, Token);
    }

    private static MeterListener Listen(Func<KeyValuePair<string, object?>[], bool> isMeant, string? instrumentName = null)
    {
        MeterListener listener = new()
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == EmbeddedMqDiagnostics.MeterName && !instrument.IsObservable && (instrumentName ?? instrument.Name) == instrument.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) => ThrowIf(isMeant(tags.ToArray())));
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) => ThrowIf(isMeant(tags.ToArray())));
        listener.Start();
        return listener;
    }

    private static void ThrowIf(bool isMeant)
    {
        if (isMeant)
        {
            throw new InvalidOperationException("planted");
        }
    }
}
