// Request and reply: typed on both sides, then by hand with what it is made of, RabbitMQ's direct reply-to. And the ways it can end
// without an answer: the handler fails, nobody answers in time, nobody is there at all.
using EmbeddedMq;

await using IBroker broker = await Broker.StartAsync(new BrokerOptions());

// Typed publishing and consuming without a host. With one, services.AddEmbeddedMq takes the same configuration: see QuickStart.
await using MessageBus bus = await MessageBus.StartAsync(broker, mq => mq
    .Topology(topology => topology.Queue("capitals").Queue("nobody-reads"))
    .Publish<Country>(route => route.ToQueue("capitals"))
    .Publish<Capital>(route => route.ByReference()) // nobody changes an answer: the requester gets the handler's own object, and no JSON is written for it
    .Respond<Country, Capital>(
        "capitals",
        (country, _, _) => ValueTask.FromResult(country.Name switch
        {
            "France" => new Capital("Paris"),
            "Japan" => new Capital("Tokyo"),
            "Kenya" => new Capital("Nairobi"),
            _ => throw new KeyNotFoundException($"'{country.Name}' is not on the map"),
        }),
        consumer => consumer.Concurrency(4)));

IPublisher publisher = bus.Publisher;
int asExpected = 0;

// Many at once: each answer finds its request by the correlation id.
string[] countries = ["France", "Japan", "Kenya"];
Capital[] capitals = await Task.WhenAll(countries.Select(country => publisher.RequestAsync<Country, Capital>(new Country(country)).AsTask()));
foreach ((string country, Capital capital) in countries.Zip(capitals))
{
    Console.WriteLine($"{country,-10} {capital.Name}");
}

Expect(capitals.Select(capital => capital.Name).SequenceEqual(["Paris", "Tokyo", "Nairobi"]));

// The handler throws: the requester learns why, and the request is in the consumer's dead-letter queue.
try
{
    await publisher.RequestAsync<Country, Capital>(new Country("Atlantis"));
}
catch (RequestFaultException error)
{
    Console.WriteLine($"Atlantis   {error.ErrorType}: {error.ErrorMessage}");
    Expect(error.ErrorType == typeof(KeyNotFoundException).FullName);
}

// A queue, but nobody who answers: the request expires in the queue when its time is over.
try
{
    await publisher.RequestAsync<Country, Capital>(new Country("France"), TimeSpan.FromMilliseconds(100), PublishOptions.ToQueue("nobody-reads"));
}
catch (TimeoutException error)
{
    Console.WriteLine($"France     {error.Message}");
    Expect(true);
}

// No queue at all: known at once, without waiting for the time-out.
try
{
    await publisher.RequestAsync<Country, Capital>(new Country("France"), options: PublishOptions.ToQueue("no-such-queue"));
}
catch (PublishException error)
{
    Console.WriteLine($"France     {error.Message}");
    Expect(error.Result.Outcome == PublishOutcome.Returned);
}

// By hand: consume the pseudo-queue, then publish with it as reply-to on the same channel. Any AMQP client could ask like this.
await using IConnection connection = await broker.ConnectAsync();
await using IChannel channel = await connection.OpenChannelAsync();
await using IConsumer replies = await channel.StartConsumerAsync("amq.rabbitmq.reply-to", new ConsumerOptions { AutoAck = true });
MessageProperties properties = new() { ContentType = "application/json", ReplyTo = "amq.rabbitmq.reply-to", CorrelationId = "by hand" };
await channel.PublishAsync("", "capitals", Message.Text("""{"Name":"Japan"}""", properties), PublishFlags.Mandatory);
await foreach (Delivery reply in replies.ReadAllAsync())
{
    Console.WriteLine($"{reply.Properties.CorrelationId,-10} {reply.Message.GetText()}");
    Expect(reply.Properties.CorrelationId == "by hand" && reply.Message.GetText().Contains("Tokyo", StringComparison.Ordinal));
    break;
}

// Stopping the bus tells what its consumers left; here nothing.
foreach (ConsumerStopReport report in await bus.StopAsync())
{
    Console.WriteLine($"The consumer of '{report.Queue}' left {report.Ready} messages waiting and {report.Abandoned} handlers unfinished.");
    Expect(report is { Ready: 0, Abandoned: 0 });
}

Console.WriteLine(asExpected == 6 ? "Five kinds of questions, each with the end that was expected." : "WRONG: see above.");
return asExpected == 6 ? 0 : 1;

void Expect(bool holds) => asExpected += holds ? 1 : 0;

internal sealed record Country(string Name);

internal sealed record Capital(string Name);
