// Topic routing: a binding key is a pattern of words, where * stands for exactly one word and # for any number of them, none included.
// What no binding takes goes to the alternate exchange. Then the whole topology moves to a second broker as a RabbitMQ definitions file.
using EmbeddedMq;

// One row a routing key, one column a queue: what ought to arrive where.
string[] queues = ["eu", "errors", "billing", "signed", "unrouted"];
(string Key, bool Signed, string[] Expected)[] rows =
[
    ("eu.shop.info", false, ["eu"]),
    ("eu.billing.info", false, ["eu", "billing"]),
    ("eu.billing.error", false, ["eu", "errors", "billing"]),
    ("us.shop.cart.error", false, ["errors"]), // # stands for three words
    ("us.billing.cart.info", false, ["unrouted"]), // * stands for one word, here there are two
    ("eu", false, ["eu"]), // # stands for no word as well
    ("audit.login", true, ["signed"]),
    ("", false, ["unrouted"]),
];

await using IBroker first = await Broker.StartAsync(new BrokerOptions { Name = "first" });
await using (IConnection connection = await first.ConnectAsync())
await using (IChannel channel = await connection.OpenChannelAsync())
{
    await channel.DeclareExchangeAsync("log", ExchangeType.Topic, exchange => exchange.Durable().AlternateExchange("rest"));
    await channel.DeclareExchangeAsync("rest", ExchangeType.Fanout, exchange => exchange.Durable());
    await channel.DeclareExchangeAsync("audit", ExchangeType.Headers, exchange => exchange.Durable().Internal());
    foreach (string queue in queues)
    {
        await channel.DeclareQueueAsync(queue, declaration => declaration.Durable());
    }

    await channel.BindQueueAsync("eu", "log", "eu.#");
    await channel.BindQueueAsync("errors", "log", "#.error");
    await channel.BindQueueAsync("billing", "log", "*.billing.*");
    await channel.BindQueueAsync("unrouted", "rest", "");

    // An exchange may feed another: what is logged under audit and carries this header comes out of it.
    await channel.BindExchangeAsync("audit", "log", "audit.#");
    await channel.BindQueueAsync("signed", "audit", "", HeaderTable.Of("x-match", "all").With("signed", true));
}

Console.WriteLine("A broker whose topology was declared in code:");
bool held = await RouteAllAsync(first);

using MemoryStream definitions = new();
await first.Management.ExportDefinitionsAsync(definitions);
definitions.Position = 0;
await using IBroker second = await Broker.StartAsync(new BrokerOptions { Name = "second" });
await second.Management.ImportDefinitionsAsync(definitions);

Console.WriteLine();
Console.WriteLine("A second broker, which read the first one's definitions:");
held &= await RouteAllAsync(second);
foreach (BindingDescription binding in await second.Management.ListBindingsAsync("/"))
{
    string destination = binding.DestinationKind == DestinationKind.Exchange ? $"exchange {binding.Destination}" : binding.Destination;
    Console.WriteLine($"  {binding.Source,-6} {$"'{binding.RoutingKey}'",-14} -> {destination}");
}

Console.WriteLine();
Console.WriteLine(held ? "Every message went where its key says." : "WRONG: see the rows marked above.");
return held ? 0 : 1;

async Task<bool> RouteAllAsync(IBroker broker)
{
    await using IConnection connection = await broker.ConnectAsync();
    await using IChannel channel = await connection.OpenChannelAsync();
    Console.WriteLine($"  {"routing key",-24}{string.Concat(queues.Select(queue => $"{queue,-10}"))}");
    bool allRight = true;
    foreach ((string key, bool signed, string[] expected) in rows)
    {
        MessageProperties properties = signed ? MessageProperties.Empty.WithHeader("signed", true) : MessageProperties.Empty;
        await channel.PublishAsync("log", key, Message.Text("an entry", properties), PublishFlags.Mandatory);

        List<string> reached = [];
        foreach (string queue in queues)
        {
            if (await channel.GetAsync(queue, autoAck: true) is { } result)
            {
                reached.Add(result.Delivery.RoutingKey == key && result.RemainingCount == 0 ? queue : $"{queue}, wrongly");
            }
        }

        bool right = reached.SequenceEqual(expected);
        allRight &= right;
        string marks = string.Concat(queues.Select(queue => $"{(reached.Contains(queue) ? "x" : "."),-10}"));
        Console.WriteLine($"  {$"'{key}'",-24}{marks}{(right ? "" : $"WRONG: {string.Join(", ", reached)} instead of {string.Join(", ", expected)}")}");
    }

    return allRight;
}
