// A shop's orders on their way through a broker inside this process: routed by topic, confirmed, retried, dead-lettered, returned, and
// brought to an end in order. The exit code is 0 only if every message is accounted for.
using EmbeddedMq;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

#region hosted
HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Services.AddEmbeddedMq(mq => mq
    .Topology(shop => shop
        .Exchange("shop", ExchangeType.Topic, exchange => exchange.Durable())
        .Queue("billing", queue => queue.Durable())
        .Bind("billing", "shop", "order.*.placed"))
    .Publish<Order>(route => route.To("shop", order => $"order.{order.Region}.placed").Mandatory())
    .Consume<Order, BillingHandler>("billing", consumer => consumer
        .Concurrency(2)
        .Retry(retry => retry
            .Never<CardDeclinedException>()
            .On<TimeoutException>(retries: 2, Backoff.Exponential(TimeSpan.FromMilliseconds(40))))));
#endregion

// Called again it adds to the same broker: each part of an application can register what is its own.
builder.Services.AddEmbeddedMq(mq => mq
    .Topology(shop => shop
        .Queue("shipping.eu", queue => queue.Durable())
        .Queue("shipping.us", queue => queue.Durable())
        .Queue("audit", queue => queue.Durable())
        .Queue("quotes")
        .Bind("shipping.eu", "shop", "order.eu.placed")
        .Bind("shipping.us", "shop", "order.us.placed")
        .Bind("audit", "shop", "order.#"))
    .Publish<Voucher>(route => route.To("shop", "voucher.issued").Mandatory())
    .Publish<QuoteRequest>(route => route.ToQueue("quotes"))
    .Consume<Order, ShippingHandler>("shipping.eu", consumer => consumer.Concurrency(4))
    .Consume<Order, ShippingHandler>("shipping.us", consumer => consumer.Concurrency(4))
    .Consume<Order>("audit", (_, context, _) => context.Services.GetRequiredService<Ledger>().HandleAsync("audit", () => ValueTask.CompletedTask))
    .Respond<QuoteRequest, Quote, QuoteHandler>("quotes"));
builder.Services.AddSingleton<Ledger>();
builder.Logging.SetMinimumLevel(LogLevel.Critical); // the ledger tells this story; without this line the broker's log does as well

using IHost host = builder.Build();
Ledger ledger = host.Services.GetRequiredService<Ledger>();
await host.StartAsync();
ledger.Say("host", "started: exchange 'shop' routes order.*.placed to billing, order.eu.placed and order.us.placed to shipping, order.# to audit");

// The dead-letter queue of billing, read on a plain channel: an operator's view.
IBroker broker = host.Services.GetRequiredService<IBroker>();
await using IConnection connection = await broker.ConnectAsync(new ConnectionOptions { Name = "operator" });
await using IChannel channel = await connection.OpenChannelAsync();
IConsumer deadLetters = await channel.StartConsumerAsync("billing.error");
Task reading = ReadDeadLettersAsync();

// 1. Ask, and get an answer.
IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
Quote quote = await publisher.RequestAsync<QuoteRequest, Quote>(new QuoteRequest("eu"));
ledger.Published("quotes");
ledger.Say("shop", $"asked what shipping to eu costs, and was told {quote.Price}");

// 2. Publish: each call returns when the broker has taken responsibility for the message.
for (int id = 1; id <= ShippingHandler.LastOrder; id++)
{
    Order order = new(id, id % 3 == 0 ? "us" : "eu", 10.50m * id);
    await publisher.PublishAsync(order);
    ledger.Published("billing", $"shipping.{order.Region}", "audit");
    ledger.Say("shop", $"order {order.Id} from {order.Region}: confirmed");
}

// 3. A message that no queue takes comes back.
try
{
    await publisher.PublishAsync(new Voucher("SPRING"));
    ledger.Published("nobody");
}
catch (PublishException error) when (error.ReplyCode == ReplyCode.NoRoute)
{
    ledger.Returned();
    ledger.Say("shop", $"voucher: returned, {error.ReplyText}");
}

// 4. A message that no handler can read: dead-lettered at once, never lost and never a loop.
await channel.PublishAsync("", "billing", Message.Text("{ this is not an order"), PublishFlags.Mandatory);
ledger.Published("billing");
ledger.Say("shop", "an unreadable message for billing: confirmed");

// 5. Wait until nothing lies in a queue; one order is still being packed. Then stop: its handler finishes first.
bool inTime = true;
try
{
    await ledger.WhenNothingWaits().WaitAsync(TimeSpan.FromMinutes(4));
}
catch (TimeoutException)
{
    inTime = false;
    ledger.Say("host", "WRONG: messages still wait after 4 minutes");
}

foreach (QueueDescription queue in await broker.Management.ListQueuesAsync(connection.VirtualHost))
{
    ledger.BrokerCounted(queue);
}

await deadLetters.CancelAsync();
await reading;
ledger.Say("host", "stops");
ledger.BeginToClose();
await host.StopAsync();
ledger.Say("host", "stopped");
return ledger.Close() && inTime ? 0 : 1;

async Task ReadDeadLettersAsync()
{
    await foreach (Delivery delivery in deadLetters.ReadAllAsync())
    {
        HeaderTable headers = delivery.Message.Headers;
        string queue = (string)headers[MessageHeaders.Queue]!;
        string reason = (string)headers[MessageHeaders.Reason]!;
        _ = HeaderTable.TryGetInteger(headers.GetValueOrDefault(MessageHeaders.FailedAttempts), out long attempts);
        ledger.Say("operator", $"dead letter from {queue}: {reason}, {attempts} attempts, {headers.GetValueOrDefault(MessageHeaders.ErrorMessage)}");
        await channel.AckAsync(delivery.DeliveryTag);
        ledger.DeadLettered(queue, afterAnAttempt: reason == MessageHeaders.ReasonFailed);
    }
}
