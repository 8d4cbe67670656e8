// Storage on disk: a process publishes orders and is killed in the middle of it, and every order that was confirmed to it is there when the
// directory is opened again. The program starts itself a second time for that, and kills that process for real.
using System.Diagnostics;
using System.Globalization;
using EmbeddedMq;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

const int ConfirmedBeforeTheKill = 200;
const int LeftUnsettled = 3;

if (args is ["publish", string given])
{
    return await PublishUntilKilledAsync(given);
}

string directory = Path.Combine(Path.GetTempPath(), $"embeddedmq-durable-queue-{Environment.ProcessId}");
try
{
    // 1. Another process publishes, and tells of each order when it is confirmed.
    using Process publisher = StartPublisher(directory);
    int confirmed = 0;
    bool refused = false;
    try
    {
        while (confirmed < ConfirmedBeforeTheKill && await publisher.StandardOutput.ReadLineAsync() is { } line)
        {
            confirmed = int.Parse(line, CultureInfo.InvariantCulture);
        }

        Console.WriteLine("publisher     confirmed, one order after the other");

        // 2. The directory is that process's alone: the error names who has it.
        try
        {
            await using IBroker second = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory });
        }
        catch (JournalException error) when (error.IsTransient)
        {
            refused = error.Message.Contains($"in use by process {publisher.Id}", StringComparison.Ordinal);
            Console.WriteLine("second broker refused: the publisher's process has the directory");
        }
    }
    finally
    {
        // 3. No stop, no flush, no farewell: on Unix this is SIGKILL.
        publisher.Kill();
        await publisher.WaitForExitAsync();
    }

    while (await publisher.StandardOutput.ReadLineAsync() is { } line)
    {
        confirmed = int.Parse(line, CultureInfo.InvariantCulture);
    }

    Console.WriteLine("publisher     killed while it was publishing");

    // 4. Start again on the same directory.
    List<string> found = [];
    await using (IBroker broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory }))
    {
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        List<ulong> tags = [];
        while (await channel.GetAsync("orders") is { } got)
        {
            found.Add(got.Delivery.Message.GetText());
            tags.Add(got.Delivery.DeliveryTag);
        }

        // Acknowledged is gone for good; the last few are left as they are, as if their handlers had been cut short.
        await channel.AckAsync(tags[^(LeftUnsettled + 1)], multiple: true);
    }

    // The order that was on its way when the process was killed may be there or not: nobody was told.
    bool allThere = found.Count - confirmed is 0 or 1 && found.SequenceEqual(Enumerable.Range(1, found.Count).Select(static number => $"order {number}"));
    Console.WriteLine($"opened again  {(allThere ? "every confirmed order is there, once, in order; the note that was not persistent is gone" : "WRONG")}");
    Console.WriteLine($"stopped       {LeftUnsettled} orders handed over and not acknowledged");

    // 5. The same directory in an application with a host.
    #region hosted
    HostApplicationBuilder builder = Host.CreateApplicationBuilder();
    builder.Services.AddEmbeddedMq(mq => mq
        .UseStorage(directory) // or EmbeddedMq:Storage:Directory in the configuration
        .Topology(shop => shop.Queue("orders", queue => queue.Durable())));
    #endregion
    builder.Logging.SetMinimumLevel(LogLevel.Critical); // this program tells the story
    using IHost host = builder.Build();
    await host.StartAsync();
    int redelivered = await CountRedeliveredAsync(host.Services.GetRequiredService<IBroker>());
    await host.StopAsync();
    Console.WriteLine($"hosted        {redelivered} orders delivered again, and marked so");

    bool held = refused && allThere && redelivered == LeftUnsettled;
    Console.WriteLine();
    Console.WriteLine(held ? "Nothing that was confirmed is lost." : $"WRONG: {confirmed} confirmed, {found.Count} found.");
    return held ? 0 : 1;
}
finally
{
    if (Directory.Exists(directory))
    {
        Directory.Delete(directory, recursive: true);
    }
}

// The other process.
static async Task<int> PublishUntilKilledAsync(string directory)
{
    #region durable
    await using IBroker broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory });
    await using IConnection connection = await broker.ConnectAsync();
    await using IChannel channel = await connection.OpenChannelAsync();

    await channel.DeclareQueueAsync("orders", queue => queue.Durable());
    await channel.PublishAsync("", "orders", Message.Text("order 1", MessageProperties.Persistent)); // returns once the disk has it
    #endregion

    await channel.PublishAsync("", "orders", Message.Text("a note"));
    for (int number = 2; number < 1_000_000; number++)
    {
        await channel.PublishAsync("", "orders", Message.Text($"order {number}", MessageProperties.Persistent));
        Console.WriteLine(number);
    }

    return 1; // nobody came to kill it
}

static Process StartPublisher(string directory)
{
    ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
    if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
    {
        start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]); // started as `dotnet DurableQueue.dll`
    }

    start.ArgumentList.Add("publish");
    start.ArgumentList.Add(directory);
    return Process.Start(start)!;
}

static async Task<int> CountRedeliveredAsync(IBroker broker)
{
    await using IConnection connection = await broker.ConnectAsync();
    await using IChannel channel = await connection.OpenChannelAsync();
    int count = 0;
    while (await channel.GetAsync("orders") is { } got)
    {
        count += got.Delivery.Redelivered ? 1 : 0;
        await channel.AckAsync(got.Delivery.DeliveryTag);
    }

    return count;
}
