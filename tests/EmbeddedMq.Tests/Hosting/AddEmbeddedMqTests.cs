using EmbeddedMq.Tests.Handlers;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Tests.Hosting;

public sealed class AddEmbeddedMqTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Host_Runs_ConsumesWithHandlersFromServices()
    {
        RecordingLog log = new();
        Received received = new();
        using IHost host = Build(log, services => services
            .AddSingleton(received)
            .AddEmbeddedMq(static mq => mq
                .Topology(static t => t.Queue("q"))
                .Publish<Order>(static p => p.ToQueue("q"))
                .Consume<Order, ReceivingHandler>("q")));

        await host.StartAsync(Token);
        await host.Services.GetRequiredService<IPublisher>().PublishAsync(new Order("1"), cancellationToken: Token);

        Assert.Equal("1", (await received.NextAsync()).Order.Id);
        await host.StopAsync(Token);
        Assert.Equal([2000, 1000, 1001, 1100, 1003, 2005], log.Entries.Select(static entry => entry.Id).Where(static id => id >= 1000));
    }

    [Fact]
    public async Task NamedBrokers_Several_AreApart()
    {
        using IHost host = Build(new RecordingLog(), static services => services
            .AddEmbeddedMq(static mq => mq.Topology(static t => t.Queue("q")))
            .AddEmbeddedMq("audit", static mq => mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q"))));
        await host.StartAsync(Token);

        await host.Services.GetRequiredKeyedService<IPublisher>("audit").PublishAsync(new Order("1"), cancellationToken: Token);

        IBroker standard = host.Services.GetRequiredService<IBroker>();
        IBroker audit = host.Services.GetRequiredKeyedService<IBroker>("audit");
        Assert.Equal(("EmbeddedMq", "audit"), (standard.Name, audit.Name));
        Assert.Equal(0, Assert.Single(await standard.Management.ListQueuesAsync("/", Token)).ReadyCount);
        Assert.Equal(1, Assert.Single(await audit.Management.ListQueuesAsync("/", Token)).ReadyCount);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task AddEmbeddedMq_CalledTwiceForOneName_AddsToIt()
    {
        Received received = new();
        using IHost host = Build(new RecordingLog(), services => services
            .AddSingleton(received)
            .AddEmbeddedMq(static mq => mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")))
            .AddEmbeddedMq(static mq => mq.Consume<Order, ReceivingHandler>("q")));

        await host.StartAsync(Token);
        await host.Services.GetRequiredService<IPublisher>().PublishAsync(new Order("1"), cancellationToken: Token);

        await received.NextAsync();
        Assert.Single(host.Services.GetServices<IBroker>());
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Configuration_Section_IsReadAndCodeWins()
    {
        Dictionary<string, string?> settings = new()
        {
            ["EmbeddedMq:Name"] = "from configuration",
            ["EmbeddedMq:MemoryHighWatermarkBytes"] = "12345678",
            ["EmbeddedMq:RandomSeed"] = "5",
            ["EmbeddedMq:Limits:MaxNameBytes"] = "100",
            ["EmbeddedMq:Limits:MaxConnections"] = "7",
            ["EmbeddedMq:StopTimeout"] = "00:00:07",
            ["EmbeddedMq:RequestTimeout"] = "00:00:03",
            ["EmbeddedMq:Consumers:q:Concurrency"] = "3",
            ["EmbeddedMq:Brokers:audit:Limits:MaxConnections"] = "9",
        };
        using IHost host = Build(
            new RecordingLog(),
            static services => services
                .AddEmbeddedMq(static mq => mq
                    .Configure(static options => options.Limits.MaxConnections = 8)
                    .ConfigureBus(static options => options.RequestTimeout = TimeSpan.FromSeconds(4))
                    .Topology(static t => t.Queue("q"))
                    .Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask))
                .AddEmbeddedMq("audit"),
            settings);

        BrokerOptions options = host.Services.GetRequiredService<IOptionsMonitor<BrokerOptions>>().CurrentValue;
        Assert.Equal("from configuration", options.Name);
        Assert.Equal((12_345_678L, 5), (options.MemoryHighWatermarkBytes, options.RandomSeed));
        Assert.Equal((100, 8), (options.Limits.MaxNameBytes, options.Limits.MaxConnections));
        MessageBusOptions bus = host.Services.GetRequiredService<IOptionsMonitor<MessageBusOptions>>().CurrentValue;
        Assert.Equal((TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(4)), (bus.StopTimeout, bus.RequestTimeout));
        Assert.Equal(3, bus.Consumers["q"].Concurrency);
        BrokerOptions audit = host.Services.GetRequiredService<IOptionsMonitor<BrokerOptions>>().Get("audit");
        Assert.Equal(("audit", 9), (audit.Name, audit.Limits.MaxConnections));
        await host.StartAsync(Token);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Start_MistakesEverywhere_AreInOneMessage()
    {
        using IHost host = Build(
            new RecordingLog(),
            static services => services.AddEmbeddedMq(static mq => mq
                .Configure(static options => options.Name = "")
                .UseJson(NoTypes.Default)
                .Publish<Order>(static p => p.ToQueue("q"))
                .Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask, static c => c.Concurrency(0))),
            new Dictionary<string, string?> { ["EmbeddedMq:Limits:MaxNameBytes"] = "256", ["EmbeddedMq:RestartDelay"] = "00:00:00" });

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));

        Assert.Equal(5, error.Failures.Count());
        Assert.All(
            ["Name is empty", "Limits.MaxNameBytes is 256", "RestartDelay is 00:00:00", "The concurrency of the consumer of queue 'q' is 0", "[JsonSerializable(typeof(Order))]"],
            text => Assert.Contains(text, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_MisspeltSettings_AreNamedWithWhatIsKnown()
    {
        RecordingLog log = new();
        using IHost host = Build(
            log,
            static services => services
                .AddEmbeddedMq(static mq => mq.Topology(static t => t.Queue("q")).Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask))
                .AddEmbeddedMq("audit"),
            new Dictionary<string, string?>
            {
                ["EmbeddedMq:StopTimeot"] = "00:00:05",
                ["EmbeddedMq:Storage:Directry"] = "data",
                ["EmbeddedMq:Limits:MaxNames"] = "1",
                ["EmbeddedMq:Consumers:q:Concurency"] = "4",
                ["EmbeddedMq:Brokers:adit:Storage:Directory"] = "data",
                ["EmbeddedMq:storage:durability"] = "OsBuffered", // known, in whatever case
                ["EmbeddedMq:RabbitMq:Uri"] = "amqp://localhost",
            });

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));

        Assert.Equal(
            ["EmbeddedMq:StopTimeot", "EmbeddedMq:Storage:Directry", "EmbeddedMq:Limits:MaxNames", "EmbeddedMq:Consumers:q:Concurency", "EmbeddedMq:Brokers:adit"],
            error.Failures.Select(static failure => failure.Split('\'')[1]),
            StringComparer.OrdinalIgnoreCase);
        Assert.Contains("which nobody reads. Correct the name or take it out; known there: Concurrency, Prefetch.", error.Message, StringComparison.Ordinal);
        Assert.StartsWith("Broker 'EmbeddedMq' could not be started", (await log.NextAsync(1002)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Uses_AfterTheStop_SaySo()
    {
        using IHost host = Build(new RecordingLog(), static services => services
            .AddEmbeddedMq(static mq => mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q"))));
        await host.StartAsync(Token);
        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        IBroker broker = host.Services.GetRequiredService<IBroker>();
        await host.StopAsync(Token);

        ObjectDisposedException[] errors =
        [
            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await publisher.PublishAsync(new Order("1"), cancellationToken: Token)),
            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await publisher.RequestAsync<Order, Order>(new Order("1"), cancellationToken: Token)),
            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await broker.ConnectAsync(cancellationToken: Token)),
            Assert.Throws<ObjectDisposedException>(() => broker.Management),
        ];

        Assert.All(errors[..2], static error => Assert.StartsWith(
            "The message bus of connection 'EmbeddedMq.publish' has ended, with its host or because it was disposed.", error.Message, StringComparison.Ordinal));
        Assert.All(errors[2..], static error => Assert.StartsWith("The broker has ended with its host.", error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task OtherHostedServices_StartAndStop_FindTheBrokerUsable()
    {
        RecordingLog log = new();
        Received received = new();
        using IHost host = Build(log, services => services
            .AddSingleton(received)
            .AddHostedService<EagerPublisher>()
            .AddEmbeddedMq(static mq => mq
                .Topology(static t => t.Queue("q").Queue("stopped"))
                .Publish<Order>(static p => p.ToQueue("q"))
                .Consume<Order, ReceivingHandler>("q")));

        await host.StartAsync(Token);
        Assert.Equal("at start", (await received.NextAsync()).Order.Id);
        await host.StopAsync(Token);

        RecordingLog.LogEntry last = await log.NextAsync(2004);
        Assert.Equal(LogLevel.Warning, last.Level);
        Assert.Contains("stopped with 1 messages", last.Text, StringComparison.Ordinal);
        Assert.Contains("stopped in virtual host /: 1", last.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Publisher_WithoutAHost_StartsTheBroker()
    {
        ServiceCollection services = new();
        services.AddEmbeddedMq(static mq => mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")));
        await using ServiceProvider provider = services.BuildServiceProvider();

        await provider.GetRequiredService<IPublisher>().PublishAsync(new Order("1"), cancellationToken: Token);

        IBroker broker = provider.GetRequiredService<IBroker>();
        Assert.Equal(1, Assert.Single(await broker.Management.ListQueuesAsync("/", Token)).ReadyCount);
    }

    [Fact]
    public void Management_BeforeTheStart_SaysWhatToDo()
    {
        ServiceCollection services = new();
        services.AddEmbeddedMq();
        using ServiceProvider provider = services.BuildServiceProvider();

        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<IBroker>().Management);

        Assert.Equal("The broker does not run. Start the host first, or open a connection, which starts it.", error.Message);
    }

    [Fact]
    public async Task Start_ConsumerCannotStart_FailsAndLeavesNothing()
    {
        RecordingLog log = new();
        IBroker? engine = null;
        using IHost host = Build(log, services => services.AddEmbeddedMq(mq => mq
            .UseEngine(async (_, cancellationToken) => engine = await Broker.StartAsync(cancellationToken: cancellationToken))
            .Topology(static t => t.Queue("q"))
            .Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask)
            .Consume<Order>("missing", static (_, _, _) => ValueTask.CompletedTask)));

        ChannelException error = await Assert.ThrowsAsync<ChannelException>(() => host.StartAsync(Token));

        Assert.Equal(ReplyCode.NotFound, error.ReplyCode);
        await log.NextAsync(1002);
        await Assert.ThrowsAsync<ConnectionException>(async () => await engine!.ConnectAsync(cancellationToken: Token));
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Start_EngineFails_CanBeTriedAgain()
    {
        int attempts = 0;
        ServiceCollection services = new();
        services.AddEmbeddedMq(mq => mq
            .UseEngine(async (_, cancellationToken) => ++attempts == 1
                ? throw new ConnectionException(ReplyCode.ConnectionForced, "CONNECTION_FORCED - not yet")
                : await Broker.StartAsync(cancellationToken: cancellationToken))
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q")));
        await using ServiceProvider provider = services.BuildServiceProvider();
        IPublisher publisher = provider.GetRequiredService<IPublisher>();

        await Assert.ThrowsAsync<ConnectionException>(async () => await publisher.PublishAsync(new Order("1"), cancellationToken: Token));
        await publisher.PublishAsync(new Order("1"), cancellationToken: Token);

        Assert.Equal(2, attempts);
    }

    [Fact]
    public async Task Connect_GivenUpWhileAnotherCallerStartsTheBroker_LeavesItAlone()
    {
        await using Broker inner = await Broker.StartAsync(cancellationToken: Token);
        SwitchedBroker engine = new(inner) { IsSilent = true };
        ServiceCollection services = new();
        services.AddEmbeddedMq(mq => mq.UseEngine((_, _) => new ValueTask<IBroker>(engine)));
        await using ServiceProvider provider = services.BuildServiceProvider();
        IBroker broker = provider.GetRequiredService<IBroker>();
        Task<IConnection> first = broker.ConnectAsync(cancellationToken: Token).AsTask();
        await engine.AskedInVain.WithinPatienceAsync("the first caller's connection");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await broker.ConnectAsync(cancellationToken: new CancellationToken(canceled: true)));

        Assert.False(engine.IsDisposed);
        await provider.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => first.WithinPatienceAsync("the end of the first caller's wait"));
        Assert.True(engine.IsDisposed);
    }

    [Fact]
    public async Task Stop_DuringTheStart_EndsBoth()
    {
        TaskCompletionSource starting = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using IHost host = Build(new RecordingLog(), services => services.AddEmbeddedMq(mq => mq
            .UseEngine(async (_, cancellationToken) =>
            {
                starting.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
                throw new InvalidOperationException("not reached");
            })));
        using CancellationTokenSource giveUp = CancellationTokenSource.CreateLinkedTokenSource(Token);

        Task start = host.StartAsync(giveUp.Token);
        await starting.Task.WaitAsync(BrokerFixture.Patience, Token);
        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => start.WaitAsync(BrokerFixture.Patience, Token));
        await host.StopAsync(Token).WaitAsync(BrokerFixture.Patience, Token);
        await host.StopAsync(Token).WaitAsync(BrokerFixture.Patience, Token);
    }

    [Fact]
    public async Task Stop_HandlerHangs_KeepsWithinTheHostsShutdownTimeout()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<TimeSpan> cancelledAfter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        RecordingLog log = new();
        using IHost host = Build(log, services => services
            .AddSingleton<TimeProvider>(time)
            .Configure<HostOptions>(static options => options.ShutdownTimeout = TimeSpan.FromSeconds(100))
            .AddEmbeddedMq(mq => mq
                .Topology(static t => t.Queue("q"))
                .Publish<Order>(static p => p.ToQueue("q"))
                .Consume<Order>("q", async (_, _, cancellationToken) =>
                {
                    long began = time.GetTimestamp();
                    using CancellationTokenRegistration registration = cancellationToken.Register(() => cancelledAfter.TrySetResult(time.GetElapsedTime(began)));
                    begun.SetResult();
                    await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
                })));
        await host.StartAsync(Token);
        await host.Services.GetRequiredService<IPublisher>().PublishAsync(new Order("1"), cancellationToken: Token);
        await begun.Task.WaitAsync(BrokerFixture.Patience, Token);

        Task stop = host.StopAsync(Token);
        await Patiently.YieldUntilAsync(() => cancelledAfter.Task.IsCompleted, "the handler's cancellation", () => time.Advance(TimeSpan.FromSeconds(1)));

        await stop.WaitAsync(BrokerFixture.Patience, Token);
        Assert.True(await cancelledAfter.Task >= TimeSpan.FromSeconds(80), $"It was cancelled after {await cancelledAfter.Task}.");
        Assert.Contains("00:01:20", (await log.NextAsync(1004)).Text, StringComparison.Ordinal);
        Assert.Contains("q in virtual host /: 1", (await log.NextAsync(2004)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_BrokerAndConsumers_AreSeen()
    {
        using IHost host = Build(new RecordingLog(), static services =>
        {
            services.AddEmbeddedMq(static mq => mq.Topology(static t => t.Queue("q")).Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask));
            services.AddEmbeddedMq("audit");
            services.AddHealthChecks().AddEmbeddedMq().AddEmbeddedMq("audit", tags: ["ready"]);
        });
        HealthCheckService health = host.Services.GetRequiredService<HealthCheckService>();

        HealthReport before = await health.CheckHealthAsync(Token);
        await host.StartAsync(Token);
        HealthReport running = await health.CheckHealthAsync(Token);
        await host.Services.GetRequiredService<IBroker>().Management.CloseConnectionsAsync("EmbeddedMq.consume", "test", Token);
        HealthReport lost = await health.CheckHealthAsync(Token);
        while (lost.Status == HealthStatus.Healthy)
        {
            lost = await health.CheckHealthAsync(Token);
        }

        await host.StopAsync(Token);
        HealthReport after = await health.CheckHealthAsync(Token);
        Assert.Equal(["embeddedmq", "embeddedmq.audit"], running.Entries.Keys.Order());
        Assert.Equal(
            [HealthStatus.Unhealthy, HealthStatus.Healthy, HealthStatus.Unhealthy, HealthStatus.Unhealthy],
            [before.Status, running.Status, lost.Status, after.Status]);
        Assert.StartsWith("Not consuming: q (", lost.Entries["embeddedmq"].Description, StringComparison.Ordinal);
    }

    private static IHost Build(RecordingLog log, Action<IServiceCollection> configure, Dictionary<string, string?>? settings = null)
    {
        HostApplicationBuilder builder = new(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddSingleton<ILoggerFactory>(log);
        configure(builder.Services);
        return builder.Build();
    }

    private sealed class ReceivingHandler(Received received) : IMessageHandler<Order>
    {
        public ValueTask HandleAsync(Order message, IMessageContext context, CancellationToken cancellationToken)
            => received.HandleAsync(message, context, cancellationToken);
    }

    // Publishes when it starts, before the consumers run, and when it stops, after they have stopped.
    private sealed class EagerPublisher(IPublisher publisher) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
            => await publisher.PublishAsync(new Order("at start"), cancellationToken: cancellationToken);

        public async Task StopAsync(CancellationToken cancellationToken)
            => await publisher.PublishAsync(new Order("at stop"), PublishOptions.ToQueue("stopped"), cancellationToken);
    }
}
