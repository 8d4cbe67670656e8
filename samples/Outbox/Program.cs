// An outbox in the shop's own database: an order and the message about it are one transaction. The shop is a second process that is killed
// for real when its orders are committed and none of the messages is published; started again on the same file, it sends what was left.
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using EmbeddedMq;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

const int Committed = 3;

if (args is ["shop", string given])
{
    return await TakeOrdersUntilKilledAsync(given);
}

string file = Path.Combine(Path.GetTempPath(), $"embeddedmq-outbox-{Environment.ProcessId}.db");
try
{
    // 1. Another process takes orders, and tells of each when it is committed.
    using Process shop = StartShop(file);
    int told = 0;
    try
    {
        while (told < Committed && await shop.StandardOutput.ReadLineAsync() is { } line)
        {
            told = int.Parse(line, CultureInfo.InvariantCulture);
        }
    }
    finally
    {
        // 2. No stop, no flush, no farewell: on Unix this is SIGKILL.
        shop.Kill();
        await shop.WaitForExitAsync();
    }

    Console.WriteLine($"shop     {told} orders committed with their messages, one order rolled back");
    Console.WriteLine("shop     killed between commit and publish");

    // 3. What is in the file: orders, and messages that wait.
    List<int> sent = [];
    TaskCompletionSource allSent = new();
    using IHost host = BuildShop(file, relays: true, order =>
    {
        sent.Add(order.Number);
        if (sent.Count == Committed)
        {
            allSent.SetResult();
        }
    });
    SqlOutboxStore store = new(host.Services.GetRequiredService<DbDataSource>());
    OutboxCounts before = await store.CountAsync();
    Console.WriteLine($"file     {before.Pending} messages pending, {await CountOrdersAsync(host.Services.GetRequiredService<DbDataSource>())} orders");

    // 4. Started again, the relay sends them, in order.
    await host.StartAsync();
    await allSent.Task.WaitAsync(TimeSpan.FromMinutes(4));
    while (await store.CountAsync() is not { Pending: 0, Sent: 0 })
    {
        await store.WaitAsync(TimeSpan.FromMilliseconds(50));
    }

    await host.StopAsync();
    Console.WriteLine($"restart  sent {string.Join(", ", sent)}; none is left");
    bool held = told == Committed && before.Pending == Committed && sent.SequenceEqual(Enumerable.Range(1, Committed));
    Console.WriteLine();
    Console.WriteLine(held ? "A message was sent for each order that was committed, and for no other." : "WRONG");
    return held ? 0 : 1;
}
finally
{
    SqliteConnection.ClearAllPools();
    foreach (string left in Directory.EnumerateFiles(Path.GetTempPath(), Path.GetFileName(file) + "*"))
    {
        File.Delete(left);
    }
}

static IHost BuildShop(string file, bool relays, Action<OrderPlaced> placed)
{
    HostApplicationBuilder builder = Host.CreateApplicationBuilder();
    #region configure
    builder.Services.AddSingleton<DbDataSource>(_ => SqliteFactory.Instance.CreateDataSource($"Data Source={file}"));
    builder.Services.AddEmbeddedMq(mq => mq
        .Topology(shop => shop.Queue("orders", queue => queue.Durable()))
        .Publish<OrderPlaced>(route => route.ToQueue("orders"))
        .Outbox(outbox =>
        {
            outbox.UseSql(services => services.GetRequiredService<DbDataSource>(), options => options.CreateTables = true);
            if (!relays)
            {
                outbox.WithoutRelay();
            }
        })
        .Consume<OrderPlaced>("orders", (order, _, _) =>
        {
            placed(order);
            return ValueTask.CompletedTask;
        }));
    #endregion
    builder.Logging.SetMinimumLevel(LogLevel.Critical); // this program tells the story
    return builder.Build();
}

// The other process. It has no relay, so that the kill comes between the commit and the sending, wherever the scheduler would have put it.
static async Task<int> TakeOrdersUntilKilledAsync(string file)
{
    using IHost host = BuildShop(file, relays: false, static _ => throw new InvalidOperationException("Nothing is sent here."));
    DbDataSource dataSource = host.Services.GetRequiredService<DbDataSource>();
    await SqlSchema.CreateAsync(dataSource);
    await using (DbCommand create = dataSource.CreateCommand("create table orders (number integer primary key)"))
    {
        await create.ExecuteNonQueryAsync();
    }

    await host.StartAsync();
    await PlaceAsync(99, changesHerMind: true);
    for (int number = 1; number <= Committed; number++)
    {
        await PlaceAsync(number, changesHerMind: false);
        Console.WriteLine(number);
    }

    await Console.In.ReadToEndAsync(); // until it is killed
    return 1;

    async Task PlaceAsync(int number, bool changesHerMind)
    {
        IOutbox outbox = host.Services.GetRequiredService<IOutbox>();
        #region store
        await using DbConnection connection = await dataSource.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        await using DbCommand insert = connection.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = $"insert into orders (number) values ({number})";
        await insert.ExecuteNonQueryAsync();
        await outbox.AddAsync(transaction, new OrderPlaced(number), orderKey: "shop");
        if (changesHerMind)
        {
            await transaction.RollbackAsync(); // no order, no message
            return;
        }

        await transaction.CommitAsync(); // both
        #endregion
    }
}

static Process StartShop(string file)
{
    ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardInput = true, UseShellExecute = false };
    if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
    {
        start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]); // started as `dotnet Outbox.dll`
    }

    start.ArgumentList.Add("shop");
    start.ArgumentList.Add(file);
    return Process.Start(start)!;
}

static async Task<long> CountOrdersAsync(DbDataSource dataSource)
{
    await using DbCommand count = dataSource.CreateCommand("select count(*) from orders");
    return (long)(await count.ExecuteScalarAsync())!;
}

internal sealed record OrderPlaced(int Number);
