// The same application on the broker inside its process and on a RabbitMQ cluster. Nothing but the configuration decides:
//
//   dotnet run --project samples/MoveToCluster
//   dotnet run --project samples/MoveToCluster -- --EmbeddedMq:RabbitMq:Uri=amqp://guest:guest@localhost

using EmbeddedMq;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Error);

using SemaphoreSlim handled = new(0);
List<string> lines = [];
int attempts = 0;

builder.Services.AddEmbeddedMq(mq =>
{
    #region move
    // This is the move: one line, taken or not.
    if (builder.Configuration.GetSection("EmbeddedMq:RabbitMq").Exists())
    {
        mq.UseRabbitMq();
    }
    #endregion

    mq.Topology(t => t
            .Exchange("shop", ExchangeType.Topic, e => e.Durable())
            .Queue("billing", q => q.Durable())
            .Queue("quotes", q => q.Durable())
            .Bind("billing", "shop", "order.*.placed"))
        .Publish<OrderPlaced>(p => p.To("shop", order => $"order.{order.Country}.placed"))
        .Publish<QuoteRequest>(p => p.ToQueue("quotes"))
        .Consume<OrderPlaced>(
            "billing",
            (order, _, _) =>
            {
                // The second order fails once, to show that it comes again.
                if (order.Number == 2 && Interlocked.Increment(ref attempts) == 1)
                {
                    throw new InvalidOperationException("The printer is out of paper.");
                }

                lock (lines)
                {
                    lines.Add($"order {order.Number} from {order.Country}: billed {order.Amount} EUR");
                }

                handled.Release();
                return ValueTask.CompletedTask;
            },
            c => c.Retry(r => r.Else(retries: 3, Backoff.Fixed(TimeSpan.FromMilliseconds(100)))))
        .Respond<QuoteRequest, Quote>("quotes", (request, _, _) => new ValueTask<Quote>(new Quote(request.Pieces * 7)));
});

using IHost host = builder.Build();
await host.StartAsync();
IPublisher publisher = host.Services.GetRequiredService<IPublisher>();

await publisher.PublishAsync(new OrderPlaced(1, "de", 10));
await publisher.PublishAsync(new OrderPlaced(2, "fr", 20));
await publisher.PublishAsync(new OrderPlaced(3, "it", 30));
Console.WriteLine("3 orders confirmed");

for (int i = 0; i < 3; i++)
{
    await handled.WaitAsync();
}

// A message that is tried again is overtaken meanwhile; so the lines are sorted.
foreach (string line in lines.Order(StringComparer.Ordinal))
{
    Console.WriteLine(line);
}

Quote quote = await publisher.RequestAsync<QuoteRequest, Quote>(new QuoteRequest(6));
Console.WriteLine($"6 pieces cost {quote.Price} EUR");
await host.StopAsync();

internal sealed record OrderPlaced(int Number, string Country, int Amount);

internal sealed record QuoteRequest(int Pieces);

internal sealed record Quote(int Price);
