using EmbeddedMq;

/// <summary>Charges an order. What it throws decides what becomes of the message: retried, or dead-lettered.</summary>
internal sealed class BillingHandler(Ledger ledger) : IMessageHandler<Order>
{
    public ValueTask HandleAsync(Order order, IMessageContext context, CancellationToken cancellationToken)
        => ledger.HandleAsync(context.Queue, () =>
        {
            try
            {
                Charge(order, context.Attempt);
            }
            catch (Exception error)
            {
                ledger.Say("billing", $"order {order.Id}: attempt {context.Attempt} failed, {error.Message}");
                throw;
            }

            ledger.Say("billing", $"order {order.Id}: charged {order.Total} in attempt {context.Attempt}");
            return ValueTask.CompletedTask;
        });

    // Stands for a payment service: order 3 goes through at the third attempt, order 5 never does, and order 6 has a bad card.
    private static void Charge(Order order, int attempt)
    {
        switch (order.Id)
        {
            case 3 when attempt < 3:
            case 5:
                throw new TimeoutException("the bank does not answer");
            case 6:
                throw new CardDeclinedException("the card was declined");
            default:
                break;
        }
    }
}

/// <summary>Packs an order: slow work that a stop must not cut short.</summary>
internal sealed class ShippingHandler(Ledger ledger) : IMessageHandler<Order>
{
    public const int LastOrder = 8;

    public ValueTask HandleAsync(Order order, IMessageContext context, CancellationToken cancellationToken)
        => ledger.HandleAsync(context.Queue, async () =>
        {
            if (order.Id == LastOrder)
            {
                // So that one order is surely being packed when the application stops.
                ledger.Say(context.Queue, $"order {order.Id}: packing, this takes a while");
                await ledger.WorkUntilClosing(context.Queue);
                await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
            }

            ledger.Say(context.Queue, $"order {order.Id}: shipped");
        });
}

/// <summary>Answers requests.</summary>
internal sealed class QuoteHandler(Ledger ledger) : IRequestHandler<QuoteRequest, Quote>
{
    public async ValueTask<Quote> HandleAsync(QuoteRequest request, IMessageContext context, CancellationToken cancellationToken)
    {
        Quote quote = new(request.Region == "eu" ? 4.90m : 9.90m);
        await ledger.HandleAsync(context.Queue, static () => ValueTask.CompletedTask);
        return quote;
    }
}
