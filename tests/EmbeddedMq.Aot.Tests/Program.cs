// Runs as a native executable, where the compiler has removed what nothing reaches: a step that leans on reflection fails here.
using EmbeddedMq;
using EmbeddedMq.Aot.Tests;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

HostApplicationBuilder builder = new(new HostApplicationBuilderSettings { DisableDefaults = true });
builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
{
    ["EmbeddedMq:Name"] = "native",
    ["EmbeddedMq:Limits:MaxNameBytes"] = "200",
    ["EmbeddedMq:Consumers:billing:Concurrency"] = "2",
});
builder.Services.AddSingleton<Handled>();
builder.Services.AddHealthChecks().AddEmbeddedMq();
builder.Services.AddEmbeddedMq(static mq => mq
    .UseJson(AotJsonContext.Default)
    .Topology(static t => t
        .Exchange("orders", ExchangeType.Topic, static e => e.Durable())
        .Queue("billing", static q => q.Durable())
        .Queue("status")
        .Bind("billing", "orders", "order.*.placed"))
    .Publish<OrderPlaced>(static p => p.To("orders", static o => $"order.{o.Region}.placed").Mandatory())
    .Publish<StatusRequest>(static p => p.ToQueue("status"))
    .Consume<OrderPlaced, BillingHandler>("billing", static c => c
        .KeyBy(static o => o.Id)
        .Retry(static r => r.On<TimeoutException>(1, Backoff.Fixed(TimeSpan.FromMilliseconds(1))).Else(1, Backoff.None)))
    .Respond<StatusRequest, Status>("status", static (request, _, _) => new ValueTask<Status>(new Status(request.Id, "paid"))));
using IHost host = builder.Build();
await host.StartAsync();

IBroker broker = host.Services.GetRequiredService<IBroker>();
Check(broker.Name == "native", "options are bound from configuration");
IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
await publisher.PublishAsync(new OrderPlaced(7, "eu", 12.5m));
OrderPlaced handled = await host.Services.GetRequiredService<Handled>().Order.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System);
Check(handled == new OrderPlaced(7, "eu", 12.5m), "a handler class receives what was published, at its second attempt");
Status status = await publisher.RequestAsync<StatusRequest, Status>(new StatusRequest(7));
Check(status == new Status(7, "paid"), "a request is answered");
try
{
    await publisher.PublishAsync(Guid.Empty, PublishOptions.ToQueue("billing"));
    Check(false, "a type without a JSON contract is refused");
}
catch (InvalidOperationException error)
{
    Check(error.Message.Contains("[JsonSerializable(typeof(Guid))]", StringComparison.Ordinal), "a type without a JSON contract is refused, with advice");
}

await host.StopAsync();
Console.WriteLine("The native smoke test passed.");

static void Check(bool holds, string expectation)
{
    if (!holds)
    {
        throw new InvalidOperationException($"Expected that {expectation}.");
    }

    Console.WriteLine($"  {expectation}");
}
