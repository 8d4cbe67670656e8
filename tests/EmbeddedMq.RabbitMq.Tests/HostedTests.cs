using System.Collections.Concurrent;
using System.Diagnostics;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>What a host gives besides typed publishing and consuming, on a server: drain at stop, metrics, traces, health, retries.</summary>
/// <param name="own">A server of their own, because they kill it and make it short of memory.</param>
public sealed class HostedTests(OwnRabbitServer own) : IClassFixture<OwnRabbitServer>, IAsyncLifetime
{
    private RabbitServer _server = null!;
    private RabbitMqBroker _broker = null!;
    private IChannel _channel = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _server = await own.GetAsync();
        _broker = await RabbitMqBroker.StartAsync(_server.ToOptions(), Token);
        _channel = await (await _broker.ConnectAsync(cancellationToken: Token)).OpenChannelAsync(cancellationToken: Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    [Fact]
    public async Task Stop_HandlersInFlight_LetsThemEndAndGivesBackTheRest()
    {
        const int Concurrency = 3;
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ConcurrentQueue<string> begun = new();
        ConcurrentQueue<string> ended = new();
        using IHost host = await StartAsync("drained", mq => mq
            .Consume<Note>(
                "drained",
                async (note, _, _) =>
                {
                    begun.Enqueue(note.Text);
                    await go.Task;
                    ended.Enqueue(note.Text);
                },
                static c => c.Concurrency(Concurrency).Prefetch(10)));
        await PublishAsync(host, Enumerable.Range(0, 20));
        await Patiently.UntilAsync(() => begun.Count == Concurrency, "the handlers");

        Task stop = host.StopAsync(Token);
        await Patiently.UntilAsync(async () => (await _channel.DeclareQueuePassiveAsync("drained", Token)).ConsumerCount == 0, "the end of the consumer");
        Assert.False(stop.IsCompleted);
        go.SetResult();
        await stop.WithinPatienceAsync("the stop");

        Assert.Equal((Concurrency, Concurrency), (begun.Count, ended.Count));
        List<string> rest = [];
        await Patiently.UntilAsync(async () => (await _channel.DeclareQueuePassiveAsync("drained", Token)).MessageCount == 20 - Concurrency, "the rest");
        while (await _channel.GetAsync("drained", autoAck: true, Token) is { } got)
        {
            rest.Add(got.Delivery.Message.GetText());
        }

        Assert.Equal(20 - Concurrency, rest.Distinct().Count());
        Assert.DoesNotContain(rest, text => ended.Any(note => text.Contains($"\"{note}\"", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Metrics_PublishHandleFail_AreRecorded()
    {
        using Telemetry telemetry = new();
        using IHost host = await StartAsync("metered", static mq => mq
            .Consume<Note>(
                "metered",
                static (note, context, _) => note.Text == "bad" ? throw new TimeoutException() : ValueTask.CompletedTask,
                static c => c.Retry(static r => r.Else(1, Backoff.Fixed(TimeSpan.FromMilliseconds(20))))));
        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        await publisher.PublishAsync(new Note("good"), cancellationToken: Token);
        await publisher.PublishAsync(new Note("bad"), cancellationToken: Token);
        await publisher.TryPublishAsync(new Note("x"), PublishOptions.ToQueue("metered.nowhere"), Token);
        await Patiently.UntilAsync(() => Settled("ack") + Settled("retry") + Settled("dead_letter") == 3, "three settlements");

        Assert.Equal((1, 1, 1), (Settled("ack"), Settled("retry"), Settled("dead_letter")));
        Assert.Equal(2, telemetry.Readings("messaging.client.sent.messages", ("messaging.destination.name", "metered"), ("error.type", null)).Sum());
        Assert.Equal(1, telemetry.Readings("messaging.client.sent.messages", ("messaging.destination.name", "metered.nowhere"), ("error.type", "Returned")).Sum());
        Assert.Equal(3, telemetry.Readings("messaging.client.consumed.messages", ("messaging.destination.name", "metered")).Sum());
        Assert.Equal(2, telemetry.Readings("messaging.process.duration", ("messaging.destination.name", "metered"), ("error.type", "System.TimeoutException")).Count);
        await Patiently.UntilAsync(() => telemetry.Readings("embeddedmq.handlers.active", ("messaging.destination.name", "metered")).Sum() == 0, "the end of the handlers");
        await host.StopAsync(Token);

        double Settled(string how) => telemetry.Readings("embeddedmq.handler.settlements", ("messaging.destination.name", "metered"), ("embeddedmq.settlement", how)).Sum();
    }

    [Fact]
    public async Task Gauges_WithTheHttpApi_ShowTheServersQueues()
    {
        using Telemetry telemetry = new();
        using IHost host = await StartAsync("gauged", static _ => { }, options => options.ManagementUri = _server.ManagementUri);
        await PublishAsync(host, Enumerable.Range(0, 7));
        await Patiently.UntilAsync(
            () =>
            {
                telemetry.Collect();
                return telemetry.Readings("embeddedmq.queue.messages.ready", ("messaging.destination.name", "gauged")) is [.., 7];
            },
            "the server's count");
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Traces_PublishAndProcess_AreOneTrace()
    {
        using Telemetry telemetry = new();
        using IHost host = await StartAsync("traced", static mq => mq.Consume<Note>("traced", static (_, _, _) => ValueTask.CompletedTask));
        await PublishAsync(host, [1]);
        await Patiently.UntilAsync(() => telemetry.Spans("process traced").Any(), "the span of the handler");
        Activity publish = Assert.Single(telemetry.Spans("publish traced"));
        Activity process = Assert.Single(telemetry.Spans("process traced"));
        Assert.Equal((ActivityKind.Producer, ActivityKind.Consumer), (publish.Kind, process.Kind));
        Assert.Equal((publish.TraceId, publish.SpanId), (process.TraceId, process.ParentSpanId));
        Assert.Equal("ack", process.GetTagItem("embeddedmq.settlement"));
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task HealthCheck_ServerKilledAndBack_IsDegradedMeanwhile()
    {
        using IHost host = await StartAsync("healthy", static mq => mq.Consume<Note>("healthy", static (_, _, _) => ValueTask.CompletedTask));
        HealthCheckService health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Token)).Status);
        await _server.KillAsync();
        try
        {
            await UntilHealthIsAsync(health, HealthStatus.Degraded);
        }
        finally
        {
            await _server.RestartAsync();
        }

        await UntilHealthIsAsync(health, HealthStatus.Healthy);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task HealthCheck_ServerShortOfMemory_IsDegradedMeanwhile()
    {
        using IHost host = await StartAsync("short", static _ => { });
        HealthCheckService health = host.Services.GetRequiredService<HealthCheckService>();
        await _server.RaiseMemoryAlarmAsync();
        Task publish = PublishAsync(host, [1]);
        try
        {
            await UntilHealthIsAsync(health, HealthStatus.Degraded);
            Assert.Contains((await health.CheckHealthAsync(Token)).Entries.Values, static entry => entry.Description?.Contains("low on memory", StringComparison.Ordinal) == true);
        }
        finally
        {
            await _server.ClearMemoryAlarmAsync();
        }

        await publish.WithinPatienceAsync("the confirm after the alarm");
        await UntilHealthIsAsync(health, HealthStatus.Healthy);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Retry_HandlerFailsForGood_IsTriedAfterItsDelaysAndDeadLettered()
    {
        ConcurrentQueue<(int Attempt, long At)> attempts = new();
        await _channel.DeclareQueueAsync("retried.dead", static q => q.Durable(), Token);
        using IHost host = await StartAsync("retried", mq => mq
            .Consume<Note>(
                "retried",
                (_, context, _) =>
                {
                    attempts.Enqueue((context.Attempt, TimeProvider.System.GetTimestamp()));
                    throw new TimeoutException("again");
                },
                static c => c.Retry(static r => r.On<TimeoutException>(2, Backoff.Steps(TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(400)))).DeadLetterTo("retried.dead")));
        await PublishAsync(host, [1]);
        GetResult? dead = null;
        await Patiently.UntilAsync(async () => (dead = await _channel.GetAsync("retried.dead", autoAck: true, Token)) is not null, "the dead letter");
        (int Attempt, long At)[] made = [.. attempts];
        Assert.Equal([1, 2, 3], made.Select(static attempt => attempt.Attempt));
        Assert.True(TimeProvider.System.GetElapsedTime(made[0].At, made[1].At) >= TimeSpan.FromMilliseconds(200), "The first retry came too early.");
        Assert.True(TimeProvider.System.GetElapsedTime(made[1].At, made[2].At) >= TimeSpan.FromMilliseconds(400), "The second retry came too early.");
        Assert.Equal((3, "again"), (dead!.Delivery.Message.Headers[MessageHeaders.FailedAttempts], dead.Delivery.Message.Headers[MessageHeaders.ErrorMessage]));
        await host.StopAsync(Token);
    }

    private static async Task PublishAsync(IHost host, IEnumerable<int> numbers)
    {
        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        foreach (int number in numbers)
        {
            await publisher.PublishAsync(new Note($"{number}"), cancellationToken: Token);
        }
    }

    private static Task UntilHealthIsAsync(HealthCheckService health, HealthStatus status)
        => Patiently.UntilAsync(async () => (await health.CheckHealthAsync(Token)).Status == status, $"the status {status}");

    private async Task<IHost> StartAsync(string queue, Action<IEmbeddedMqBuilder> configure, Action<RabbitMqOptions>? options = null)
    {
        IHost host = new HostBuilder()
            .ConfigureServices(services =>
            {
                services.AddHealthChecks().AddEmbeddedMq();
                services.AddEmbeddedMq(mq =>
                {
                    mq.UseRabbitMq(_server.Uri, engine =>
                        {
                            RabbitServer.BePatient(engine);
                            options?.Invoke(engine);
                        })
                        .Topology(t => t.Queue(queue, static q => q.Durable()))
                        .Publish<Note>(p => p.ToQueue(queue));
                    configure(mq);
                });
            })
            .Build();
        await host.StartAsync(Token);
        return host;
    }

    private sealed record Note(string Text);
}
