// Delayed second confirmation: a shop sends payments, and somebody asks about each that nobody confirms to have processed. One payment is
// processed, one is lost on its way, one belongs to an order that was taken back, and one never arrives, whatever is done. The exit code is 0
// only if each of them ended as it should.
using System.Collections.Concurrent;
using EmbeddedMq;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// The shop's own database: what it knows of its orders, whatever became of the messages.
Dictionary<string, Order> orders = new()
{
    ["order-1"] = new Order("order-1", 10),
    ["order-2"] = new Order("order-2", 20),
    ["order-4"] = new Order("order-4", 40),
};
ConcurrentDictionary<string, int> processed = new();
ConcurrentQueue<string> said = new();
TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
int lost = 0;
string[] story =
[
    "order-1: paid 10",
    "order-2: attempt 1 was confirmed by nobody; sent again",
    "order-2: lost on its way",
    "order-2: paid 20",
    "order-3: attempt 1 was confirmed by nobody; it was taken back",
    "order-4: attempt 1 was confirmed by nobody; sent again",
    "order-4: attempt 2 was confirmed by nobody; sent again",
    "order-4: given up. Nobody has confirmed it after 3 attempts.",
];

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
#region delayed-check
builder.Services.AddEmbeddedMq(mq => mq
    .Topology(shop => shop.Queue("payments", queue => queue.Durable()).Queue("nowhere", queue => queue.Durable()))
    .Publish<Order>(route => route.ToQueue("payments").MessageId(order => order.Id).Check(TimeSpan.FromMilliseconds(1500)))
    .Consume<Order>("payments", HandleAsync, consumer => consumer.Idempotent().ConfirmsProcessing())
    .Checks(checks => checks
        .Service()
        .CallBack<Order>(AnswerAsync)
        .OnFailed(AlertAsync)));
#endregion
builder.Logging.SetMinimumLevel(LogLevel.None); // this program tells the story; without this line the broker's log does as well

using IHost host = builder.Build();
await host.StartAsync();
IPublisher publisher = host.Services.GetRequiredService<IPublisher>();

await publisher.PublishAsync(new Order("order-1", 10));
await publisher.PublishAsync(new Order("order-2", 20)); // its first delivery is lost, see below
await publisher.PublishAsync(new Order("order-3", 30), PublishOptions.ToQueue("nowhere")); // not in the database: it was taken back
await publisher.PublishAsync(new Order("order-4", 40), PublishOptions.ToQueue("nowhere")); // a queue that nobody reads
await told.Task.WaitAsync(TimeSpan.FromMinutes(4));
await host.StopAsync();

foreach (string line in said.Order(StringComparer.Ordinal))
{
    Console.WriteLine(line);
}

// On a slow machine a payment may be asked about while it is being made. It is sent again then, and its consumer knows it by its id.
bool held = processed.Count == 2 && processed.Values.All(times => times == 1);
Console.WriteLine();
Console.WriteLine($"{processed.Count} payments, each made once; 1 taken back, 1 given up{(held ? "" : ": WRONG")}");
return held ? 0 : 1;

// The consumer: pays. One message it loses, as a crash or an operator's purge would.
async ValueTask HandleAsync(Order order, IMessageContext context, CancellationToken cancellationToken)
{
    if (order.Id == "order-2" && Interlocked.Exchange(ref lost, 1) == 0)
    {
        Say($"{order.Id}: lost on its way");
        await context.RejectAsync(cancellationToken);
        return;
    }

    processed.AddOrUpdate(order.Id, 1, static (_, times) => times + 1);
    Say($"{order.Id}: paid {order.Amount}");
}

// The producer: asked about a message by its id, it looks into its own database.
ValueTask<CheckAnswer<Order>> AnswerAsync(MessageCheck check, IMessageContext context, CancellationToken cancellationToken)
{
    bool isKnown = orders.TryGetValue(check.MessageId, out Order? order);
    Say($"{check.MessageId}: attempt {check.Attempt} was confirmed by nobody; {(isKnown ? "sent again" : "it was taken back")}");
    return new(isKnown ? CheckAnswer.Resend(order!) : CheckAnswer.Settled<Order>());
}

// Somebody has to look at it.
ValueTask AlertAsync(MessageCheck check, string reason, IServiceProvider services, CancellationToken cancellationToken)
{
    Say($"{check.MessageId}: given up. {reason}");
    return ValueTask.CompletedTask;
}

void Say(string line)
{
    said.Enqueue(line);
    if (story.All(said.Contains))
    {
        told.TrySetResult();
    }
}

internal sealed record Order(string Id, int Amount);
