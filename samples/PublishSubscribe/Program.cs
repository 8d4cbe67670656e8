// Publish and subscribe: a fanout exchange hands every bulletin to every queue that is bound at that moment. Each subscriber has a
// queue of its own, named by the broker and gone with the subscriber's connection.
using EmbeddedMq;

await using IBroker broker = await Broker.StartAsync(new BrokerOptions { Name = "newsroom" });
await using IConnection press = await broker.ConnectAsync(new ConnectionOptions { Name = "press" });
await using IChannel channel = await press.OpenChannelAsync();
await channel.DeclareExchangeAsync("news", ExchangeType.Fanout);

// Nobody listens yet. Without Mandatory the broker would confirm this all the same, as AMQP has it.
PublishResult unheard = await channel.TryPublishAsync("news", "", Message.Text("dawn"), PublishFlags.Mandatory);
Console.WriteLine($"press  dawn: {unheard.Outcome}, because nobody listens yet");

Task<string> web = await SubscribeAsync("web", leavesAfter: "good night");
Task<string> mail = await SubscribeAsync("mail", leavesAfter: "evening");
await SayAsync("morning");
await SayAsync("noon");

Task<string> late = await SubscribeAsync("late", leavesAfter: "good night"); // hears what comes from now on
await SayAsync("evening");
string heardByMail = await mail;
await SayAsync("night");
await SayAsync("good night");

string heardByWeb = await web;
string heardByLate = await late;
IReadOnlyList<QueueDescription> queues = await broker.Management.ListQueuesAsync(press.VirtualHost);

bool held = unheard is { Outcome: PublishOutcome.Returned, ReplyCode: ReplyCode.NoRoute }
    && heardByWeb == "morning, noon, evening, night, good night"
    && heardByMail == "morning, noon, evening"
    && heardByLate == "evening, night, good night"
    && queues.Count == 0;
Console.WriteLine(held
    ? "Every subscriber heard what was said while it listened, and left no queue behind."
    : $"WRONG: a subscriber missed something or heard too much, or one of its queues stayed ({queues.Count} are there).");
return held ? 0 : 1;

async Task SayAsync(string bulletin)
{
    await channel.PublishAsync("news", "", Message.Text(bulletin), PublishFlags.Mandatory);
    Console.WriteLine($"press  {bulletin}");
}

// The outer task ends when the subscriber is bound, the inner one when it has left.
async Task<Task<string>> SubscribeAsync(string subscriber, string leavesAfter)
{
    IConnection connection = await broker.ConnectAsync(new ConnectionOptions { Name = subscriber });
    IChannel ears = await connection.OpenChannelAsync();
    QueueDeclared queue = await ears.DeclareQueueAsync("", declaration => declaration.Exclusive());
    await ears.BindQueueAsync(queue.Name, "news", "");
    IConsumer consumer = await ears.StartConsumerAsync(queue.Name, new ConsumerOptions { AutoAck = true });
    return ListenAsync(subscriber, leavesAfter, connection, consumer);
}

async Task<string> ListenAsync(string subscriber, string leavesAfter, IConnection connection, IConsumer consumer)
{
    List<string> heard = [];
    await foreach (Delivery delivery in consumer.ReadAllAsync())
    {
        heard.Add(delivery.Message.GetText());
        if (heard[^1] == leavesAfter)
        {
            break;
        }
    }

    await connection.DisposeAsync();
    string all = string.Join(", ", heard);
    Console.WriteLine($"{subscriber,-6} heard {all}; leaves");
    return all;
}
