#region quick-start
using EmbeddedMq;

await using IBroker broker = await Broker.StartAsync(new BrokerOptions()); // in this process, in its memory
await using IConnection connection = await broker.ConnectAsync();
await using IChannel channel = await connection.OpenChannelAsync();

await channel.DeclareExchangeAsync("shop", ExchangeType.Topic);
await channel.DeclareQueueAsync("billing");
await channel.BindQueueAsync("billing", "shop", "order.*.placed");

await channel.PublishAsync("shop", "order.eu.placed", Message.Text("order 1001"), PublishFlags.Mandatory); // returns once confirmed
await foreach (Delivery delivery in channel.ConsumeAsync("billing"))
{
    Console.WriteLine($"{delivery.RoutingKey}: {delivery.Message.GetText()}");
    await channel.AckAsync(delivery.DeliveryTag);
    break; // one order is all there is
}
#endregion
