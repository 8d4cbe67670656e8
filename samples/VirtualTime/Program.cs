using EmbeddedMq;
using Microsoft.Extensions.Time.Testing;

// What a test of an application looks like: a broker of its own, in memory, with a clock that the test moves. Here half an hour passes at once.
#region virtual-time
FakeTimeProvider time = new(); // of the package Microsoft.Extensions.TimeProvider.Testing
await using IBroker broker = await Broker.StartAsync(new BrokerOptions { TimeProvider = time });
await using IConnection connection = await broker.ConnectAsync();
await using IChannel channel = await connection.OpenChannelAsync();

await channel.DeclareQueueAsync("cancelled");
await channel.DeclareQueueAsync("unpaid", queue => queue.WithMessageTtl(TimeSpan.FromMinutes(30)).DeadLetterTo("cancelled"));
await channel.PublishAsync("", "unpaid", Message.Text("order 1001"), PublishFlags.Mandatory);

time.Advance(TimeSpan.FromMinutes(30));

IConsumer cancelled = await channel.StartConsumerAsync("cancelled"); // waits: what is due may happen on another thread
Delivery order = await cancelled.ReadAllAsync().FirstAsync();
#endregion

Console.WriteLine($"{order.Message.GetText()}: {order.Deaths[0].Reason} in queue {order.Deaths[0].Queue}");
return (order.Message.GetText(), order.Deaths[0].Reason) == ("order 1001", DeathReason.Expired) ? 0 : 1;
