// Runs as a native executable, where the compiler has removed what nothing reaches: a step that leans on reflection fails here.
using EmbeddedMq;
using EmbeddedMq.Aot.Tests;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

int failed = 0;
await StepAsync("a broker starts, takes a message over an exchange, and hands it over again after a requeue", PlainAsync);
await StepAsync("a message that no queue takes comes back with its text", ReturnedAsync);
await StepAsync("an error has its reply code, its text and its advice", ErrorTextAsync);
await StepAsync("definitions go out as JSON and come in again", DefinitionsAsync);
await StepAsync("a typed handler reads JSON through a source-generated context, on the generic host", TypedAsync);
await StepAsync("a request finds its answer, and a failing one its fault", RequestAsync);
await StepAsync("what cannot be read is dead-lettered with the reason", UnreadableAsync);
await StepAsync("configuration is bound and checked at start, and the broker is healthy", ConfigurationAsync);
await StepAsync("what a broker has stored is there when the next one opens its directory", StoredAsync);
await StepAsync("a damaged or foreign file in a data directory is refused with its name", DamagedAsync);
await StepAsync("a RabbitMQ server that is not there is told of in words", NoServerAsync);
if (RabbitServer.Absence is { } absence)
{
    Console.WriteLine($"left  a RabbitMQ server takes the place of the broker: {absence}");
}
else
{
    await StepAsync("a RabbitMQ server takes the place of the broker, with its options from configuration, over TLS and with its HTTP API", ServerAsync, TimeSpan.FromMinutes(3));
}

Console.WriteLine(failed == 0 ? "The native smoke test passed." : $"The native smoke test failed in {failed} steps.");
return failed == 0 ? 0 : 1;

async Task StepAsync(string expectation, Func<Task> step, TimeSpan? limit = null)
{
    try
    {
        await step().WaitAsync(limit ?? TimeSpan.FromMinutes(3));
        Console.WriteLine($"ok    {expectation}");
    }
    catch (Exception error)
    {
        failed++;
        Console.WriteLine($"FAIL  {expectation}: {error}");
    }
}

static async Task PlainAsync()
{
    await using IBroker broker = await Broker.StartAsync(new BrokerOptions());
    await using IConnection connection = await broker.ConnectAsync();
    await using IChannel channel = await connection.OpenChannelAsync();
    await channel.DeclareExchangeAsync("shop", ExchangeType.Topic);
    await channel.DeclareQueueAsync("orders");
    await channel.BindQueueAsync("orders", "shop", "order.*.placed");
    Check(await channel.PublishAsync("shop", "order.eu.placed", Message.Text("an order"), PublishFlags.Mandatory) == 1);

    int deliveries = 0;
    await foreach (Delivery delivery in channel.ConsumeAsync("orders", new ConsumerOptions { PrefetchCount = 1 }))
    {
        Check(delivery.Message.GetText() == "an order" && delivery.RoutingKey == "order.eu.placed");
        if (++deliveries == 1)
        {
            await channel.NackAsync(delivery.DeliveryTag);
            continue;
        }

        Check(delivery.Redelivered);
        await channel.AckAsync(delivery.DeliveryTag);
        break;
    }

    QueueDescription queue = (await broker.Management.ListQueuesAsync("/"))[0];
    Check(queue is { ReadyCount: 0, UnackedCount: 0, AckedTotal: 1 });
}

static async Task ReturnedAsync()
{
    await using IBroker broker = await Broker.StartAsync(new BrokerOptions());
    await using IConnection connection = await broker.ConnectAsync();
    await using IChannel channel = await connection.OpenChannelAsync();
    try
    {
        await channel.PublishAsync("", "nobody", Message.Text("lost?"), PublishFlags.Mandatory);
        Check(false);
    }
    catch (PublishException error)
    {
        Check(error.ReplyCode == ReplyCode.NoRoute && error.ReplyText == "NO_ROUTE");
    }
}

static async Task ErrorTextAsync()
{
    await using IBroker broker = await Broker.StartAsync(new BrokerOptions());
    await using IConnection connection = await broker.ConnectAsync();
    IChannel channel = await connection.OpenChannelAsync();
    try
    {
        await channel.GetAsync("nobody");
        Check(false);
    }
    catch (ChannelException error)
    {
        Check(error.ReplyText == "NOT_FOUND - no queue 'nobody' in vhost '/'" && error.Message.Length > error.ReplyText.Length);
    }
}

static async Task DefinitionsAsync()
{
    await using IBroker first = await Broker.StartAsync(new BrokerOptions());
    await using IConnection connection = await first.ConnectAsync();
    await using IChannel channel = await connection.OpenChannelAsync();
    await channel.DeclareQueueAsync("orders", queue => queue.Durable().MaxLength(10, Overflow.RejectPublish));
    using MemoryStream file = new();
    await first.Management.ExportDefinitionsAsync(file);
    file.Position = 0;

    await using IBroker second = await Broker.StartAsync(new BrokerOptions());
    await second.Management.ImportDefinitionsAsync(file);
    QueueDeclaration queue = (await second.Management.ListQueuesAsync("/"))[0].Declaration;
    Check(queue.Name == "orders" && queue.Arguments.GetValueOrDefault(QueueArgument.Overflow) is "reject-publish");
}

static async Task TypedAsync()
{
    HostApplicationBuilder builder = CreateBuilder("--EmbeddedMq:Consumers:billing:Concurrency", "2");
    builder.Services.AddSingleton<Handled>();
    builder.Services.AddEmbeddedMq(mq => mq
        .UseJson(AotJsonContext.Default)
        .Topology(shop => shop.Exchange("orders", ExchangeType.Topic).Queue("billing").Bind("billing", "orders", "order.*.placed"))
        .Publish<OrderPlaced>(route => route.To("orders", order => $"order.{order.Region}.placed").Mandatory())
        .Consume<OrderPlaced, BillingHandler>("billing", consumer => consumer
            .KeyBy(order => order.Id)
            .Retry(retry => retry.WaitIn(RetryWait.Queue).On<TimeoutException>(1, Backoff.Fixed(TimeSpan.FromMilliseconds(1))).Else(1, Backoff.None))));
    using IHost host = builder.Build();
    await host.StartAsync();
    IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
    await publisher.PublishAsync(new OrderPlaced(7, "eu", 12.5m));
    Check(await host.Services.GetRequiredService<Handled>().Order == new OrderPlaced(7, "eu", 12.5m));
    try
    {
        await publisher.PublishAsync(Guid.Empty, PublishOptions.ToQueue("billing"));
        Check(false);
    }
    catch (InvalidOperationException error)
    {
        Check(error.Message.Contains("[JsonSerializable(typeof(Guid))]", StringComparison.Ordinal));
    }

    await host.StopAsync();
}

static async Task RequestAsync()
{
    HostApplicationBuilder builder = CreateBuilder();
    builder.Services.AddEmbeddedMq(mq => mq
        .UseJson(AotJsonContext.Default)
        .Topology(shop => shop.Queue("status"))
        .Publish<StatusRequest>(route => route.ToQueue("status"))
        .Respond<StatusRequest, Status>(
            "status",
            (request, _, _) => request.Id == 0 ? throw new InvalidOperationException("no such order") : ValueTask.FromResult(new Status(request.Id, "paid"))));
    using IHost host = builder.Build();
    await host.StartAsync();
    IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
    Check(await publisher.RequestAsync<StatusRequest, Status>(new StatusRequest(7)) == new Status(7, "paid"));
    try
    {
        await publisher.RequestAsync<StatusRequest, Status>(new StatusRequest(0));
        Check(false);
    }
    catch (RequestFaultException error)
    {
        Check(error.ErrorMessage == "no such order");
    }

    await host.StopAsync();
}

static async Task UnreadableAsync()
{
    await using IBroker broker = await Broker.StartAsync(new BrokerOptions());
    await using MessageBus bus = await MessageBus.StartAsync(broker, mq => mq
        .UseJson(AotJsonContext.Default)
        .Topology(shop => shop.Queue("orders"))
        .Consume<OrderPlaced>("orders", (_, _, _) => ValueTask.CompletedTask));
    await using IConnection connection = await broker.ConnectAsync();
    await using IChannel channel = await connection.OpenChannelAsync();
    await channel.PublishAsync("", "orders", Message.Text("not an order"));
    await foreach (Delivery delivery in channel.ConsumeAsync("orders.error", new ConsumerOptions { AutoAck = true }))
    {
        Check(delivery.Message.Headers.GetValueOrDefault(MessageHeaders.Reason) is MessageHeaders.ReasonUnreadable);
        break;
    }
}

static async Task ConfigurationAsync()
{
    HostApplicationBuilder builder = CreateBuilder("--EmbeddedMq:Name", "native", "--EmbeddedMq:Limits:MaxNameBytes", "20");
    builder.Services.AddHealthChecks().AddEmbeddedMq();
    builder.Services.AddEmbeddedMq();
    using (IHost host = builder.Build())
    {
        await host.StartAsync();
        Check(host.Services.GetRequiredService<IBroker>().Name == "native");
        Check((await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Status == HealthStatus.Healthy);
        await host.StopAsync();
    }

    builder = CreateBuilder("--EmbeddedMq:Limits:MaxNameBytes", "1000");
    builder.Services.AddEmbeddedMq();
    using IHost wrong = builder.Build();
    try
    {
        await wrong.StartAsync();
        Check(false);
    }
    catch (Microsoft.Extensions.Options.OptionsValidationException error)
    {
        Check(error.Message.Contains("MaxNameBytes", StringComparison.Ordinal));
    }
}

static async Task StoredAsync()
{
    string directory = Directory.CreateTempSubdirectory("embeddedmq-native-").FullName;
    try
    {
        Message large = Message.TakeOwnership(new byte[3_000_000], MessageProperties.Persistent); // in pieces
        await using (IBroker first = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory }))
        {
            await using IConnection connection = await first.ConnectAsync();
            await using IChannel channel = await connection.OpenChannelAsync();
            await channel.DeclareExchangeAsync("shop", ExchangeType.Topic, exchange => exchange.Durable());
            await channel.DeclareQueueAsync("orders", queue => queue.Durable().DeadLetterTo("dead"));
            await channel.DeclareQueueAsync("dead", queue => queue.Durable());
            await channel.BindQueueAsync("orders", "shop", "order.*");
            MessageProperties properties = MessageProperties.Persistent.WithHeader("list", new object?[] { 1, "two", 3.5, HeaderTable.Of("deep", true) });
            await channel.PublishAsync("shop", "order.1", Message.Text("stored", properties), PublishFlags.Mandatory);
            await channel.PublishAsync("shop", "order.2", large, PublishFlags.Mandatory | PublishFlags.ConfirmOsBuffered);
            await channel.PublishAsync("shop", "order.3", Message.Text("transient"));
            await channel.PublishAsync("", "orders", Message.Text("rejected", MessageProperties.Persistent));
            await first.Management.SetPolicyAsync("/", new Policy("few", "^orders$", HeaderTable.Of("max-length", 50)));
            ulong last = 0;
            for (int i = 0; i < 4; i++)
            {
                last = (await channel.GetAsync("orders"))!.Delivery.DeliveryTag;
            }

            await channel.RejectAsync(last, requeue: false);
        }

        HostApplicationBuilder builder = CreateBuilder("--EmbeddedMq:Storage:Directory", directory, "--EmbeddedMq:Storage:Durability", "OsBuffered");
        builder.Services.AddEmbeddedMq();
        using IHost host = builder.Build();
        await host.StartAsync();
        IBroker second = host.Services.GetRequiredService<IBroker>();
        Check((await second.Management.ListPoliciesAsync("/")).Count == 1);
        await using (IConnection connection = await second.ConnectAsync())
        {
            IChannel channel = await connection.OpenChannelAsync();
            Delivery stored = (await channel.GetAsync("orders", autoAck: true))!.Delivery;
            Check(stored.Message.GetText() == "stored" && stored.RoutingKey == "order.1" && stored.Redelivered);
            Check(stored.Message.Headers["list"] is IReadOnlyList<object?> { Count: 4 } list && list[3] is HeaderTable);
            Check((await channel.GetAsync("orders", autoAck: true))!.Delivery.Message.Body.Length == 3_000_000);
            Check(await channel.GetAsync("orders") is null);
            Check((await channel.GetAsync("dead", autoAck: true))!.Delivery.Deaths is [{ Reason: DeathReason.Rejected }]);
        }

        await host.StopAsync();
    }
    finally
    {
        Directory.Delete(directory, recursive: true);
    }
}

static async Task DamagedAsync()
{
    string directory = Directory.CreateTempSubdirectory("embeddedmq-native-").FullName;
    try
    {
        await File.WriteAllTextAsync(Path.Combine(directory, "notes.txt"), "not a broker's");
        await using IBroker broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory });
        Check(false);
    }
    catch (JournalException error)
    {
        Check(error.Message.Contains("notes.txt", StringComparison.Ordinal));
    }
    finally
    {
        Directory.Delete(directory, recursive: true);
    }
}

static async Task NoServerAsync()
{
    HostApplicationBuilder builder = CreateBuilder("--EmbeddedMq:RabbitMq:Uri", "amqp://guest:guest@127.0.0.1:1");
    builder.Services.AddEmbeddedMq(mq => mq.UseJson(AotJsonContext.Default).UseRabbitMq());
    using IHost host = builder.Build();
    try
    {
        await host.StartAsync();
        Check(false);
    }
    catch (ConnectionException error)
    {
        Check(error.IsTransient && error.Message.Contains("127.0.0.1:1"));
    }
}

static async Task ServerAsync()
{
    await using RabbitServer server = await RabbitServer.StartAsync();
    HostApplicationBuilder builder = CreateBuilder(
        "--EmbeddedMq:RabbitMq:Hosts:0", $"localhost:{server.TlsPort}",
        "--EmbeddedMq:RabbitMq:UseTls", "true",
        "--EmbeddedMq:RabbitMq:TlsAuthorityPath", server.Certificates.AuthorityPath,
        "--EmbeddedMq:RabbitMq:ManagementUri", server.ManagementUri);
    builder.Services.AddSingleton<Handled>();
    builder.Services.AddEmbeddedMq(mq => mq
        .UseJson(AotJsonContext.Default)
        .UseRabbitMq()
        .Topology(shop => shop.Exchange("orders", ExchangeType.Topic).Queue("billing").Bind("billing", "orders", "order.*.placed"))
        .Publish<OrderPlaced>(route => route.To("orders", order => $"order.{order.Region}.placed").Mandatory())
        .Consume<OrderPlaced, BillingHandler>("billing", consumer => consumer.Retry(retry => retry.On<TimeoutException>(1, Backoff.Fixed(TimeSpan.FromMilliseconds(10)))))
        .Publish<StatusRequest>(route => route.ToQueue("status"))
        .Topology(status => status.Queue("status"))
        .Respond<StatusRequest, Status>("status", (request, _, _) => new ValueTask<Status>(new Status(request.Id, "placed"))));
    using IHost host = builder.Build();
    await host.StartAsync();
    IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
    OrderPlaced order = new(1, "eu", 9.5m);
    await publisher.PublishAsync(order);
    Check(await host.Services.GetRequiredService<Handled>().Order == order);
    Check(await publisher.RequestAsync<StatusRequest, Status>(new StatusRequest(1)) == new Status(1, "placed"));
    IBrokerManagement management = host.Services.GetRequiredService<IBroker>().Management;
    await management.SetPolicyAsync("/", new Policy("few", "^billing$", HeaderTable.Of("max-length", 5)));
    Check((await management.ListPoliciesAsync("/"))[0] == new Policy("few", "^billing$", HeaderTable.Of("max-length", 5)));
    Check((await management.ListQueuesAsync("/")).Count(queue => queue.Name == "billing") == 1);
    await host.StopAsync();
}

static HostApplicationBuilder CreateBuilder(params string[] settings)
{
    HostApplicationBuilder builder = Host.CreateApplicationBuilder(settings);
    builder.Logging.SetMinimumLevel(LogLevel.Critical);
    return builder;
}

static void Check(bool holds, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(holds))] string expectation = "")
{
    if (!holds)
    {
        throw new InvalidOperationException($"Does not hold: {expectation}");
    }
}
