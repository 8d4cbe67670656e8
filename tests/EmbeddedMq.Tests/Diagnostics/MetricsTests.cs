using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Hosting;
using EmbeddedMq.Tests.Handlers;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddedMq.Tests.Diagnostics;

public sealed class MetricsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Instruments_PublishHandleFailStop_AreRecordedWithTheConventionsNames()
    {
        using Readings readings = new();
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Exchange("metered", ExchangeType.Fanout).Queue("metered.q").Bind("metered.q", "metered"))
            .Publish<Order>(static p => p.To("metered", static o => o.Id))
            .Consume<Order>(
                "metered.q",
                static (order, context, _) => order.Id == "bad" && context.Attempt < 9 ? throw new TimeoutException() : ValueTask.CompletedTask,
                static c => c.Retry(static r => r.Else(1, Backoff.None))));

        await fixture.Publisher.PublishAsync(new Order("good"), cancellationToken: Token);
        await fixture.Publisher.PublishAsync(new Order("bad"), cancellationToken: Token);
        await fixture.Publisher.TryPublishAsync(new Order("x"), PublishOptions.ToQueue("metered.nowhere"), Token);
        await fixture.WaitForCountsAsync("metered.q", ready: 0);
        await fixture.Bus.StopAsync(Token);

        Assert.Equal(2, readings.Sum("messaging.client.sent.messages", ("messaging.destination.name", "metered"), ("messaging.operation.type", "send"), ("error.type", null)));
        Assert.Equal(1, readings.Sum("messaging.client.sent.messages", ("messaging.destination.name", "metered.nowhere"), ("error.type", "Returned")));
        Assert.Equal(3, readings.Sum("messaging.client.consumed.messages", ("messaging.destination.name", "metered.q"), ("messaging.system", "embeddedmq")));
        Assert.Equal(2, readings.Count("messaging.process.duration", ("messaging.destination.name", "metered.q"), ("error.type", "System.TimeoutException")));
        Assert.Equal(2, readings.Count("messaging.client.operation.duration", ("messaging.destination.name", "metered")));
        Assert.Equal(0, readings.Sum("embeddedmq.handlers.active", ("messaging.destination.name", "metered.q")));
        Assert.Equal(1, readings.Sum("embeddedmq.handler.settlements", ("messaging.destination.name", "metered.q"), ("embeddedmq.settlement", "ack")));
        Assert.Equal(1, readings.Sum("embeddedmq.handler.settlements", ("messaging.destination.name", "metered.q"), ("embeddedmq.settlement", "retry")));
        Assert.Equal(1, readings.Sum("embeddedmq.handler.settlements", ("messaging.destination.name", "metered.q"), ("embeddedmq.settlement", "dead_letter")));
        Assert.Equal(3, readings.Count("embeddedmq.stop.remaining", ("messaging.destination.name", "metered.q")));
    }

    [Fact]
    public async Task IdempotenceChecks_OfEachKind_AreCountedByQueue()
    {
        using Readings readings = new();
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("metered.once"))
            .Publish<Order>(static p => p.ToQueue("metered.once"))
            .Consume<Order>("metered.once", static (_, _, _) => ValueTask.CompletedTask, static c => c.Idempotent()));

        await fixture.Publisher.PublishAsync(new Order("1"), new PublishOptions { MessageId = "m" }, Token);
        await fixture.Publisher.PublishAsync(new Order("1"), new PublishOptions { MessageId = "m" }, Token);
        await fixture.Publisher.PublishAsync(new Order("2"), new PublishOptions { MessageId = "m" }, Token);
        await fixture.Publisher.PublishAsync(new Order("2"), new PublishOptions { MessageId = "n" }, Token);
        await fixture.WaitForCountsAsync("metered.once", ready: 0);
        await fixture.Bus.StopAsync(Token);

        foreach ((string outcome, int count) in ((string, int)[])[("processed", 2), ("duplicate", 1), ("conflict", 1)])
        {
            Assert.Equal(count, readings.Sum("embeddedmq.idempotence.checks", ("messaging.destination.name", "metered.once"), ("embeddedmq.idempotence.outcome", outcome)));
        }
    }

    [Fact]
    public async Task Gauges_BrokerIncluded_ShowItsQueuesUntilDisposed()
    {
        using Readings readings = new();
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { Name = "gauged" });
        IChannel channel = await fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("g", cancellationToken: Token);
        await channel.PublishAsync("", "g", Message.Text("12345"), cancellationToken: Token);
        await channel.PublishAsync("", "g", Message.Text("678"), cancellationToken: Token);
        await channel.GetAsync("g", cancellationToken: Token);

        using (BrokerGauges.Add(fixture.Broker.Broker, "gauged", NullLogger.Instance))
        {
            readings.Collect();
        }

        Assert.Equal(1, readings.Last("embeddedmq.queue.messages.ready", ("messaging.destination.name", "g"), ("embeddedmq.broker.name", "gauged"), ("embeddedmq.virtual_host", "/")));
        Assert.Equal(1, readings.Last("embeddedmq.queue.messages.unacked", ("messaging.destination.name", "g"), ("embeddedmq.broker.name", "gauged")));
        Assert.Equal(3, readings.Last("embeddedmq.queue.bytes.ready", ("embeddedmq.broker.name", "gauged")));
        Assert.Equal(2, readings.Last("embeddedmq.queue.enqueued", ("embeddedmq.broker.name", "gauged")));
        Assert.Equal(1, readings.Last("embeddedmq.connections", ("embeddedmq.broker.name", "gauged")));
        Assert.Equal(0, readings.Last("embeddedmq.connections.blocked", ("embeddedmq.broker.name", "gauged")));
        int before = readings.Count("embeddedmq.connections", ("embeddedmq.broker.name", "gauged"));
        readings.Collect();
        Assert.Equal(before, readings.Count("embeddedmq.connections", ("embeddedmq.broker.name", "gauged")));
    }

    [Fact]
    public async Task Gauges_BrokerWithStorage_ShowWhatItTellsOfIt()
    {
        using Readings readings = new();
        await using StoredBroker stored = await StoredBroker.StartAsync(static options => options.Name = "stored");
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("g", static queue => queue.Durable(), Token);
        await channel.PublishAsync("", "g", Message.Text("1", MessageProperties.Persistent), cancellationToken: Token);

        using (StorageGauges.Add(stored.Broker))
        {
            readings.Collect();
        }

        StorageDescription told = stored.Broker.Storage!;
        Assert.True(told.JournalBytes > 0);
        Assert.Equal(told.JournalBytes, Last("bytes", ("embeddedmq.storage.log", "journal")));
        Assert.Equal(told.BacklogBytes, Last("bytes", ("embeddedmq.storage.log", "backlog")));
        Assert.Equal(1, Last("segments", ("embeddedmq.storage.log", "journal")));
        Assert.Equal(told.BacklogSegments, Last("segments", ("embeddedmq.storage.log", "backlog")));
        Assert.Equal(told.BacklogLiveShare, Last("live_share"));
        Assert.Equal(1, Last("messages"));
        Assert.Equal(0, Last("uncommitted_bytes"));
        Assert.Equal(told.LastCommitDuration.TotalSeconds, Last("commit.duration"));
        Assert.Equal(stored.Time.GetUtcNow().ToUnixTimeSeconds(), Last("checkpoint.time"));
        Assert.Equal((double)StorageState.Open, Last("state"));

        double Last(string name, params (string Tag, object? Value)[] tags)
            => readings.Last($"embeddedmq.storage.{name}", [("embeddedmq.broker.name", "stored"), .. tags]);
    }

    [Fact]
    public async Task Gauges_BrokerWithoutStorage_ShowNoneOfIt()
    {
        using Readings readings = new();
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { Name = "forgetful" });
        Broker broker = (Broker)fixture.Broker.Broker;

        using (BrokerGauges.Add(broker, "forgetful", NullLogger.Instance))
        using (StorageGauges.Add(broker))
        {
            readings.Collect();
        }

        Assert.Null(broker.Storage);
        Assert.Equal(1, readings.Count("embeddedmq.connections", ("embeddedmq.broker.name", "forgetful")));
        Assert.Equal(0, readings.Count("embeddedmq.storage.state", ("embeddedmq.broker.name", "forgetful")));
        Assert.Equal(0, readings.Count("embeddedmq.storage.bytes", ("embeddedmq.broker.name", "forgetful")));
    }

    // As everything else that is told of it; its engine may have another name for itself.
    [Fact]
    public async Task Gauges_HostedOnAnotherEngine_HaveTheNameOfTheApplication()
    {
        using Readings readings = new();
        ServiceCollection services = new();
        services.AddEmbeddedMq("shop", static mq => mq.UseEngine(
            static async (_, cancellationToken) => await Broker.StartAsync(new BrokerOptions { Name = "engine" }, cancellationToken)));
        await using ServiceProvider provider = services.BuildServiceProvider();
        await provider.GetRequiredKeyedService<IBroker>("shop").ConnectAsync(cancellationToken: Token);

        readings.Collect();

        Assert.Equal(1, readings.Count("embeddedmq.connections", ("embeddedmq.broker.name", "shop")));
        Assert.Equal(0, readings.Count("embeddedmq.connections", ("embeddedmq.broker.name", "engine")));
    }

    private sealed class Readings : IDisposable
    {
        private readonly ConcurrentQueue<(string Name, double Value, Dictionary<string, object?> Tags)> _readings = new();
        private readonly MeterListener _listener = new();

        public Readings()
        {
            _listener.InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == EmbeddedMqDiagnostics.MeterName)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.Start();
        }

        public void Collect() => _listener.RecordObservableInstruments();

        public double Sum(string name, params (string Tag, object? Value)[] tags) => Matching(name, tags).Sum();

        public int Count(string name, params (string Tag, object? Value)[] tags) => Matching(name, tags).Count();

        public double Last(string name, params (string Tag, object? Value)[] tags) => Matching(name, tags).Last();

        public void Dispose() => _listener.Dispose();

        private IEnumerable<double> Matching(string name, (string Tag, object? Value)[] tags)
            => _readings.Where(reading => reading.Name == name && tags.All(tag => Equals(reading.Tags.GetValueOrDefault(tag.Tag), tag.Value))).Select(static reading => reading.Value);

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            Dictionary<string, object?> copy = [];
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                copy[tag.Key] = tag.Value;
            }

            _readings.Enqueue((instrument.Name, value, copy));
        }
    }
}
