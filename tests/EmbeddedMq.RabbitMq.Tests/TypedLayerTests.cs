using System.Diagnostics;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Typed publishing and consuming on a server: nothing but the engine is another.</summary>
public sealed class TypedLayerTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Host_UseRabbitMq_PublishesConsumesRetriesAndDeadLetters()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        TaskCompletionSource<string> handled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int attempts = 0;
        using IHost host = Build(server, mq => mq
            .Topology(static t => t.Queue("typed", static q => q.Durable()).Queue("typed-dead", static q => q.Durable()))
            .Publish<Order>(static p => p.ToQueue("typed"))
            .Consume<Order>(
                "typed",
                (order, _, _) =>
                {
                    if (order.Id == "bad" || Interlocked.Increment(ref attempts) < 3)
                    {
                        throw new InvalidOperationException("not yet");
                    }

                    handled.TrySetResult(order.Id);
                    return ValueTask.CompletedTask;
                },
                static c => c.Retry(static r => r.Else(4, Backoff.Fixed(TimeSpan.FromMilliseconds(50)))).DeadLetterTo("typed-dead")));
        await host.StartAsync(Token);
        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        await publisher.PublishAsync(new Order("good"), cancellationToken: Token);
        Assert.Equal("good", await handled.Task.WithinPatienceAsync("the handler"));
        Assert.Equal(3, attempts);

        await publisher.PublishAsync(new Order("bad"), cancellationToken: Token);
        HealthReport health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token);
        Assert.Equal(HealthStatus.Healthy, health.Status);

        IBroker broker = host.Services.GetRequiredService<IBroker>();
        IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await using IConsumer dead = await channel.StartConsumerAsync("typed-dead", new ConsumerOptions { AutoAck = true }, Token);
        await using IAsyncEnumerator<Delivery> deliveries = dead.ReadAllAsync(Token).GetAsyncEnumerator(Token);
        Assert.True(await deliveries.MoveNextAsync().AsTask().WithinPatienceAsync("the dead letter"));
        Assert.Contains("bad", deliveries.Current.Message.GetText(), StringComparison.Ordinal);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task UseRabbitMq_MisspeltSetting_IsNamedWithWhatIsKnown()
    {
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { ["EmbeddedMq:RabbitMq:uri"] = "amqp://127.0.0.1:1", ["EmbeddedMq:RabbitMq:Hsts:0"] = "other" })
            .Build());
        services.AddEmbeddedMq(static mq => mq.UseRabbitMq());
        await using ServiceProvider provider = services.BuildServiceProvider();

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await provider.GetRequiredService<IBroker>().ConnectAsync(cancellationToken: Token));

        Assert.StartsWith("The configuration has 'EmbeddedMq:RabbitMq:Hsts', which nobody reads.", error.Message, StringComparison.Ordinal);
        Assert.Contains("known there: Name, Uri, Hosts,", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_ManagementUriWithoutAScheme_IsRefused()
    {
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(
            async () => await RabbitMqBroker.StartAsync(new RabbitMqOptions { ManagementUri = "localhost:15672" }, Token));

        Assert.StartsWith("'localhost:15672' is not the address of a server's HTTP API. Write http://host:15672", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_UseRabbitMq_IsAnswered()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        using IHost host = Build(server, static mq => mq
            .Topology(static t => t.Queue("requests", static q => q.Durable()))
            .Publish<Order>(static p => p.ToQueue("requests"))
            .Respond<Order, Answer>("requests", static (order, _, _) => new ValueTask<Answer>(new Answer(order.Id + "!"))));
        await host.StartAsync(Token);
        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => publisher.RequestAsync<Order, Answer>(new Order($"{i}"), cancellationToken: Token).AsTask()));
        Assert.Equal(Enumerable.Range(0, 20).Select(static i => $"{i}!"), answers.Select(static a => a.Text));
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task ByReference_UseRabbitMq_IsSentAsBytes()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        TaskCompletionSource<Order> handled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using IHost host = Build(server, mq => mq
            .Topology(static t => t.Queue("references", static q => q.Durable()))
            .Publish<Order>(static p => p.ToQueue("references").ByReference())
            .Consume<Order>("references", (order, _, _) =>
            {
                handled.TrySetResult(order);
                return ValueTask.CompletedTask;
            }));
        await host.StartAsync(Token);
        Order order = new("by reference");

        await host.Services.GetRequiredService<IPublisher>().PublishAsync(order, cancellationToken: Token);

        Order received = await handled.Task.WithinPatienceAsync("the handler");
        Assert.Equal(order, received);
        Assert.NotSame(order, received);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Start_NoServer_FailsAndSaysWhereItLooked()
    {
        using IHost host = new HostBuilder()
            .ConfigureServices(static services => services.AddEmbeddedMq(static mq => mq.UseRabbitMq("amqp://guest:guest@127.0.0.1:1")))
            .Build();
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => host.StartAsync(Token));
        Assert.True(error.IsTransient);
        Assert.Contains("127.0.0.1:1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WrongPassword_IsRefused()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = server.ToOptions();
        options.Uri = server.Uri.Replace("guest:guest", "guest:wrong", StringComparison.Ordinal);
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(async () => await RabbitMqBroker.StartAsync(options, Token));
        Assert.Equal((ReplyCode.AccessRefused, false), (error.ReplyCode, error.IsTransient));
    }

    [Fact]
    public async Task SampleMoveToCluster_OnBothEngines_PrintsTheSame()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        string embedded = await RunSampleAsync();
        string real = await RunSampleAsync($"--EmbeddedMq:RabbitMq:Uri={server.Uri}");
        Assert.Equal(embedded, real);
        Assert.Contains("order 2 from fr: billed 20 EUR", real, StringComparison.Ordinal);
        Assert.Contains("6 pieces cost 42 EUR", real, StringComparison.Ordinal);
    }

    private static IHost Build(RabbitServer server, Action<IEmbeddedMqBuilder> configure) => new HostBuilder()
        .ConfigureAppConfiguration(c => c.AddInMemoryCollection(new Dictionary<string, string?> { ["EmbeddedMq:RabbitMq:Uri"] = server.Uri }))
        .ConfigureServices(services =>
        {
            services.AddHealthChecks().AddEmbeddedMq();
            services.AddEmbeddedMq(mq =>
            {
                mq.UseRabbitMq(configure: RabbitServer.BePatient);
                configure(mq);
            });
        })
        .Build();

    private static async Task<string> RunSampleAsync(params string[] arguments)
    {
        string path = AppContext.BaseDirectory.Replace(
            Path.Combine("tests", "EmbeddedMq.RabbitMq.Tests"), Path.Combine("samples", "MoveToCluster"), StringComparison.Ordinal);
        ProcessStartInfo start = new("dotnet", [Path.Combine(path, "MoveToCluster.dll"), .. arguments]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        try
        {
            string output = await process.StandardOutput.ReadToEndAsync(Token).WithinPatienceAsync("the end of the sample");
            await process.WaitForExitAsync(Token).WithinPatienceAsync("the end of the sample");
            Assert.Equal(0, process.ExitCode);
            return output;
        }
        finally
        {
            process.Kill();
        }
    }

    private sealed record Order(string Id);

    private sealed record Answer(string Text);
}
