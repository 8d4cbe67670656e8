// Idempotent consumer: a bank books payments. Whatever is sent twice, handed over twice or tried twice, each payment is booked once; an id that
// comes again with another amount is no duplicate but a conflict, and somebody has to look at it.
using EmbeddedMq;

int balance = 0, handled = 0;
TaskCompletionSource dayEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

await using Broker broker = await Broker.StartAsync();
await using (MessageBus bus = await MessageBus.StartAsync(broker, Configure))
{
    Console.WriteLine("The shop pays 30, and 20 twice: its network failed before the answer came, so it sent again.");
    await PayAsync(bus, "payment-1", 30);
    await PayAsync(bus, "payment-2", 20);
    await PayAsync(bus, "payment-2", 20);

    Console.WriteLine("A payment of 5 fails at its first attempt; the receipt of that attempt is not sent.");
    await PayAsync(bus, "payment-3", 5);

    Console.WriteLine("Somebody sends payment-1 again, but of 3,000.");
    await PayAsync(bus, "payment-1", 3_000);

    await PayAsync(bus, "end of day", 0);
    await dayEnded.Task;
    await bus.StopAsync();
}

await using IConnection connection = await broker.ConnectAsync(new ConnectionOptions { Name = "auditor" });
await using IChannel channel = await connection.OpenChannelAsync();
int receipts = 0;
while (await channel.GetAsync("receipts", autoAck: true) is not null)
{
    receipts++;
}

GetResult? conflict = await channel.GetAsync("payments.error", autoAck: true);
Console.WriteLine($"Booked {balance} in {handled} payments, with {receipts} receipts.");
Console.WriteLine($"Set aside: {conflict?.Delivery.Properties.MessageId}, because of: {conflict?.Delivery.Message.Headers[MessageHeaders.Reason]}.");

bool held = balance == 55 && handled == 3 && receipts == 3 && conflict is { RemainingCount: 0 };
Console.WriteLine(held ? "As it should be." : "WRONG");
return held ? 0 : 1;

void Configure(IEmbeddedMqBuilder mq)
{
    #region idempotent
    mq.Topology(topology => topology.Queue("payments", queue => queue.Durable()).Queue("receipts", queue => queue.Durable()))
        .Publish<Payment>(route => route.ToQueue("payments").MessageId(payment => payment.Id))
        .Publish<Receipt>(route => route.ToQueue("receipts"))
        .Consume<Payment>("payments", BookAsync, consumer => consumer
            .Idempotent() // by message id and body, in the broker's own store
            .Retry(retry => retry.Else(3, Backoff.None)));
    #endregion
}

async ValueTask BookAsync(Payment payment, IMessageContext context, CancellationToken cancellationToken)
{
    if (payment.Id == "end of day")
    {
        dayEnded.SetResult();
        return;
    }

    // Held until the payment is booked: it is sent once, and not at all when what follows fails.
    await context.Publisher.PublishAsync(new Receipt(payment.Id, payment.Amount), cancellationToken: cancellationToken);
    if (payment.Id == "payment-3" && context.Attempt == 1)
    {
        throw new TimeoutException("The ledger did not answer.");
    }

    balance += payment.Amount;
    handled++;
    Console.WriteLine($"  booked {payment.Id}: {payment.Amount}");
}

static ValueTask PayAsync(MessageBus bus, string id, int amount) => bus.Publisher.PublishAsync(new Payment(id, amount));

internal sealed record Payment(string Id, int Amount);

internal sealed record Receipt(string PaymentId, int Amount);
