// Dead letters and retry, by hand, as it works on any AMQP broker: a rejected message goes to a queue where nobody consumes and everything
// expires; from there it returns to where it was. Its x-death header counts the rounds. (Typed consumers do this for you: see QuickStart.)
using EmbeddedMq;

const int MaxAttempts = 3;

await using IBroker broker = await Broker.StartAsync(new BrokerOptions());
await using IConnection connection = await broker.ConnectAsync();
await using IChannel channel = await connection.OpenChannelAsync();

await channel.DeclareQueueAsync("orders", queue => queue.Durable().DeadLetterTo("orders.wait"));
await channel.DeclareQueueAsync("orders.wait", queue => queue.Durable().WithMessageTtl(TimeSpan.FromMilliseconds(50)).DeadLetterTo("orders"));
await channel.DeclareQueueAsync("orders.parked", queue => queue.Durable());

string[] orders = ["tea", "broken cup", "coffee", "cake that fails once"];
foreach (string order in orders)
{
    await channel.PublishAsync("", "orders", Message.Text(order, MessageProperties.Persistent), PublishFlags.Mandatory);
}

List<string> handled = [];
List<string> parked = [];
await foreach (Delivery delivery in channel.ConsumeAsync("orders", new ConsumerOptions { PrefetchCount = 1 }))
{
    string order = delivery.Message.GetText();
    Death? rejections = delivery.Deaths.FirstOrDefault(death => death is { Queue: "orders", Reason: DeathReason.Rejected });
    int attempt = (int)(rejections?.Count ?? 0) + 1;
    bool fails = order.StartsWith("broken", StringComparison.Ordinal) || (order.EndsWith("once", StringComparison.Ordinal) && attempt == 1);
    Console.WriteLine($"{order,-22} attempt {attempt}: {(fails ? "fails" : "handled")}");
    if (!fails)
    {
        await channel.AckAsync(delivery.DeliveryTag);
        handled.Add(order);
    }
    else if (attempt < MaxAttempts)
    {
        await channel.RejectAsync(delivery.DeliveryTag); // dead-lettered to orders.wait
    }
    else
    {
        // First the copy is confirmed, then the original is acknowledged: a crash in between makes two of it, never none.
        Message copy = delivery.Message.WithProperties(delivery.Properties.WithHeader("parked-because", "failed three times"));
        await channel.PublishAsync("", "orders.parked", copy, PublishFlags.Mandatory);
        await channel.AckAsync(delivery.DeliveryTag);
        parked.Add(order);
    }

    if (handled.Count + parked.Count == orders.Length)
    {
        break;
    }
}

GetResult? inspected = await channel.GetAsync("orders.parked");
Console.WriteLine();
Console.WriteLine($"Parked: {inspected?.Delivery.Message.GetText()}, because {inspected?.Delivery.Message.Headers.GetValueOrDefault("parked-because")}");
foreach (Death death in inspected?.Delivery.Deaths ?? [])
{
    Console.WriteLine($"  {death.Reason,-8} in {death.Queue,-11} {death.Count} times");
}

// The other ways to die: too old, too many in the queue, handed back too often.
await channel.DeclareExchangeAsync("dead", ExchangeType.Direct);
await channel.DeclareQueueAsync("graveyard");
await channel.BindQueueAsync("graveyard", "dead", "offers");
await channel.DeclareQueueAsync("offers", queue => queue.MaxLength(2).WithDeliveryLimit(1).DeadLetterTo("dead", routingKey: null));

await channel.PublishAsync("", "offers", Message.Text("oldest of three"));
await channel.PublishAsync("", "offers", Message.Text("handed back twice"));
await channel.PublishAsync("", "offers", Message.Text("stale", MessageProperties.Empty.WithTimeToLive(TimeSpan.FromMilliseconds(1))));
for (int i = 0; i < 2; i++)
{
    GetResult? taken = await channel.GetAsync("offers");
    await channel.NackAsync(taken!.Delivery.DeliveryTag, requeue: true);
}

Dictionary<string, DeathReason> reasons = [];
await foreach (Delivery delivery in channel.ConsumeAsync("graveyard", new ConsumerOptions { AutoAck = true }))
{
    Death death = delivery.Deaths[0];
    reasons.Add(delivery.Message.GetText(), death.Reason);
    Console.WriteLine($"Died in {death.Queue}: {delivery.Message.GetText()} ({death.Reason})");
    if (reasons.Count == 3)
    {
        break;
    }
}

bool held = handled.Order().SequenceEqual(["cake that fails once", "coffee", "tea"])
    && parked.SequenceEqual(["broken cup"])
    && inspected is { Delivery.Deaths: [{ Reason: DeathReason.Expired, Count: 2 }, { Reason: DeathReason.Rejected, Count: 2 }] }
    && reasons["oldest of three"] == DeathReason.MaxLength
    && reasons["handed back twice"] == DeathReason.DeliveryLimit
    && reasons["stale"] == DeathReason.Expired;
Console.WriteLine();
Console.WriteLine(held ? "Nothing was lost: 3 orders handled, 1 parked, 3 offers dead with their reasons." : "WRONG: see above.");
return held ? 0 : 1;
