using System.Collections.Concurrent;
using System.Diagnostics;
using EmbeddedMq.Tests.Handlers;

namespace EmbeddedMq.Tests.Diagnostics;

public sealed class TracingTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PublishAndProcess_Listened_AreOneTraceWithTheConventionsAttributes()
    {
        using Spans spans = new("traced.orders");
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Exchange("traced.orders", ExchangeType.Topic).Queue("traced.billing").Bind("traced.billing", "traced.orders", "#"))
            .Publish<Order>(static p => p.To("traced.orders", static o => $"order.{o.Region}").MessageId(static o => o.Id).CorrelationId(static o => o.Customer))
            .Consume<Order>("traced.billing", static (_, _, _) => ValueTask.CompletedTask));

        await fixture.Publisher.PublishAsync(new Order("1", "c"), cancellationToken: Token);
        await fixture.WaitForCountsAsync("traced.billing", ready: 0);

        Activity publish = spans.Named("publish traced.orders");
        Activity process = await spans.WaitForAsync("process traced.billing");
        Assert.Equal(ActivityKind.Producer, publish.Kind);
        Assert.Equal(ActivityKind.Consumer, process.Kind);
        Assert.Equal(publish.TraceId, process.TraceId);
        Assert.Equal(publish.SpanId, process.ParentSpanId);
        Assert.Equal(publish.SpanId, Assert.Single(process.Links).Context.SpanId);
        Assert.Equal(
            new Dictionary<string, object?>
            {
                ["messaging.system"] = "embeddedmq",
                ["messaging.operation.name"] = "publish",
                ["messaging.operation.type"] = "send",
                ["messaging.destination.name"] = "traced.orders:order.eu",
                ["messaging.rabbitmq.destination.routing_key"] = "order.eu",
                ["messaging.message.id"] = "1",
                ["messaging.message.conversation_id"] = "c",
                ["messaging.message.body.size"] = """{"id":"1","customer":"c","region":"eu"}""".Length,
            },
            publish.TagObjects.ToDictionary());
        Assert.Equal("traced.orders:order.eu:traced.billing", process.GetTagItem("messaging.destination.name"));
        Assert.Equal("process", process.GetTagItem("messaging.operation.type"));
        Assert.Equal(1L, process.GetTagItem("messaging.rabbitmq.message.delivery_tag"));
        Assert.Equal(1, process.GetTagItem("embeddedmq.message.attempt"));
        Assert.Equal("ack", process.GetTagItem("embeddedmq.settlement"));
    }

    [Fact]
    public async Task Handler_PublishesAndFails_IsTheParentAndAnError()
    {
        using Spans spans = new("failing.");
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("failing.first").Queue("failing.second"))
            .Publish<Order>(static p => p.ToQueue("failing.first"))
            .Consume<Order>("failing.first", static async (order, context, cancellationToken) =>
            {
                await context.Publisher.PublishAsync(order, PublishOptions.ToQueue("failing.second"), cancellationToken);
                throw new TimeoutException();
            }));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await fixture.WaitForCountsAsync("failing.first", ready: 0);

        Activity process = await spans.WaitForAsync("process failing.first");
        Assert.Equal(process.SpanId, spans.Named("publish failing.second").ParentSpanId);
        Assert.Equal(ActivityStatusCode.Error, process.Status);
        Assert.Equal("System.TimeoutException", process.GetTagItem("error.type"));
        Assert.Equal("dead_letter", process.GetTagItem("embeddedmq.settlement"));
    }

    [Fact]
    public async Task Context_OfTheApplication_TravelsAndAGivenOneStays()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("ctx")).Publish<Order>(static p => p.ToQueue("ctx")));
        using Activity request = new("request");
        request.SetIdFormat(ActivityIdFormat.W3C).Start();
        request.TraceStateString = "vendor=1";

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await fixture.Publisher.PublishAsync(
            new Order("2"), new PublishOptions { Headers = HeaderTable.Of("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") }, Token);
        request.Stop();
        await fixture.Publisher.PublishAsync(new Order("3"), cancellationToken: Token);

        HeaderTable headers = (await fixture.Broker.NextDeliveryAsync("ctx")).Message.Headers;
        Assert.StartsWith($"00-{request.TraceId}-", (string)headers["traceparent"]!, StringComparison.Ordinal);
        Assert.Equal("vendor=1", headers["tracestate"]);
        Assert.Equal("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", (await fixture.Broker.NextDeliveryAsync("ctx")).Message.Headers["traceparent"]);
    }

    [Fact]
    public async Task Baggage_OfThePublisher_ReachesTheHandler()
    {
        using Spans spans = new("baggage.");
        TaskCompletionSource<string?> tenant = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("baggage.q"))
            .Publish<Order>(static p => p.ToQueue("baggage.q"))
            .Consume<Order>("baggage.q", (_, _, _) =>
            {
                tenant.SetResult(Activity.Current?.GetBaggageItem("tenant"));
                return ValueTask.CompletedTask;
            }));
        using Activity request = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start();
        request.AddBaggage("tenant", "acme");

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);

        Assert.Equal("acme", await tenant.Task.WaitAsync(TestSupport.BrokerFixture.Patience, Token));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task AmbientContext_OfWhoeverStartedTheConsumer_IsNotTheHandlers(int concurrency)
    {
        AsyncLocal<string> ambient = new() { Value = "of the starter" };
        TaskCompletionSource<string?> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                (_, _, _) =>
                {
                    seen.SetResult(ambient.Value);
                    return ValueTask.CompletedTask;
                },
                c => c.Concurrency(concurrency)));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);

        Assert.Null(await seen.Task.WaitAsync(TestSupport.BrokerFixture.Patience, Token));
    }

    // Other tests run beside these, on the same source: only spans of a destination's prefix count.
    private sealed class Spans : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _stopped = new();
        private readonly ActivityListener _listener;

        public Spans(string prefix)
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == EmbeddedMqDiagnostics.ActivitySourceName,
                Sample = (ref ActivityCreationOptions<ActivityContext> options)
                    => options.Name.Split(' ')[1].StartsWith(prefix.Split('.')[0], StringComparison.Ordinal) ? ActivitySamplingResult.AllData : ActivitySamplingResult.None,
                ActivityStopped = _stopped.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public Activity Named(string name) => _stopped.Single(activity => activity.DisplayName == name);

        public async Task<Activity> WaitForAsync(string name)
        {
            using CancellationTokenSource patience = new(TestSupport.BrokerFixture.Patience);
            while (_stopped.All(activity => activity.DisplayName != name))
            {
                patience.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }

            return Named(name);
        }

        public void Dispose() => _listener.Dispose();
    }
}
