// Uses .NET's LINQ on asynchronous sequences. The storage's FASTER depends on a package with an AsyncEnumerable of its own, which would make
// every such call in a user's code ambiguous (CS0121) if it came along as it is. That this compiles is half of the test; the other half is
// that the broker finds all it needs at run time.
using EmbeddedMq;

string directory = Directory.CreateTempSubdirectory("embeddedmq-package-").FullName;
try
{
    await using (IBroker broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory }))
    {
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("orders", queue => queue.Durable());
        await foreach (int number in AsyncEnumerable.Range(1, 5).Where(static number => number != 3))
        {
            await channel.PublishAsync("", "orders", Message.Text($"order {number}", MessageProperties.Persistent));
        }
    }

    await using (IBroker broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory }))
    {
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        List<string> texts = await channel.ConsumeAsync("orders", new ConsumerOptions { AutoAck = true })
            .Take(4)
            .Select(static delivery => delivery.Message.GetText())
            .OrderDescending()
            .ToListAsync();
        Console.WriteLine(string.Join(", ", texts));
        return texts.SequenceEqual(["order 5", "order 4", "order 2", "order 1"]) ? 0 : 1;
    }
}
finally
{
    Directory.Delete(directory, recursive: true);
}
