using System.Data.Common;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MySqlConnector;
using Npgsql;

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>An application whose outbox and idempotent consumers work in one database: effect, mark and outgoing messages in one transaction.</summary>
public sealed class SqlHostedTests
{
    private const int Orders = 60;

    public static TheoryData<SqlKind> Kinds => [SqlKind.Sqlite, SqlKind.Postgres, SqlKind.MariaDb];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Consumer_FedWithDuplicates_TakesEffectAndSendsOnceForEachId(SqlKind kind)
    {
        string name = SqlServers.UniqueName();
        DbDataSource source = await SqlServers.OpenAsync(kind, name);
        await CreateTablesAsync(source, name);
        using IHost host = Build(source, name);
        await host.StartAsync();

        await FeedAsync(host, source, name, 0, Orders);
        await ExpectAllOnceAsync(source, name);

        await host.StopAsync();
    }

    [Theory]
    [InlineData(SqlKind.Postgres)]
    [InlineData(SqlKind.MariaDb)]
    public async Task Server_KilledAndStartedMeanwhile_NothingIsLostAndNothingTwice(SqlKind kind)
    {
        string name = SqlServers.UniqueName();
        await using DatabaseServer server = await StartServerAsync(kind);
        await using DbDataSource source = kind == SqlKind.Postgres
            ? NpgsqlDataSource.Create(server.ConnectionString)
            : new MySqlDataSource(server.ConnectionString);
        await CreateTablesAsync(source, name);
        using IHost host = Build(source, name);
        await host.StartAsync();

        await FeedAsync(host, source, name, 0, Orders / 2);
        await UntilAsync(async () => await CountAsync(source, $"{name}effects") > 0, "the first effect");
        await server.KillAsync();
        await server.RestartAsync();
        await FeedAsync(host, source, name, Orders / 2, Orders);
        await ExpectAllOnceAsync(source, name);

        await host.StopAsync();
    }

    [Theory]
    [InlineData(SqlKind.Postgres)]
    [InlineData(SqlKind.MariaDb)]
    public async Task Connection_LostInsideTheHandler_IsNoAttemptOfTheHandlersAndTheMessageIsHandledAgain(SqlKind kind)
    {
        string name = SqlServers.UniqueName();
        DbDataSource source = await SqlServers.OpenAsync(kind, name);
        await CreateTablesAsync(source, name);
        int calls = 0;
        using IHost host = Build(source, name, async (invoice, context, token) =>
        {
            if (Interlocked.Increment(ref calls) == 1)
            {
                await EndSessionAsync(kind, source, context.Services.GetRequiredService<SqlMessageTransaction>());
            }

            await ReceiveAsync(invoice, context, name, token);
        });
        await host.StartAsync();

        await host.Services.GetRequiredService<IPublisher>().PublishAsync(new Invoice(7), new PublishOptions { MessageId = "invoice 7" });
        IBrokerManagement management = host.Services.GetRequiredService<IBroker>().Management;
        await UntilAsync(
            async () => (await management.ListQueuesAsync("/")).Single(static queue => queue.Name == "invoices").AckedTotal == 1, "the message acknowledged");

        Assert.Equal(2, calls);
        Assert.Equal(1, await CountAsync(source, $"{name}invoices"));
        await host.StopAsync();
    }

    private static async Task EndSessionAsync(SqlKind kind, DbDataSource source, SqlMessageTransaction transaction)
    {
        await using DbCommand ask = transaction.CreateCommand(kind == SqlKind.Postgres ? "select pg_backend_pid()" : "select connection_id()");
        object? session = await ask.ExecuteScalarAsync();
        await using DbCommand end = source.CreateCommand(kind == SqlKind.Postgres ? $"select pg_terminate_backend({session})" : $"kill connection {session}");
        await end.ExecuteNonQueryAsync();
    }

    private static IHost Build(DbDataSource source, string name, Func<Invoice, IMessageContext, CancellationToken, ValueTask>? receive = null)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.None);
        builder.Services.AddEmbeddedMq(mq => mq
            .UseSql(_ => source, options => options.TablePrefix = name, outbox => outbox.KeepConfirmed = TimeSpan.FromHours(1))
            .Outbox(outbox => outbox.PollEvery(TimeSpan.FromMilliseconds(100)).Lease(TimeSpan.FromSeconds(2)).MaxAttempts(1_000_000))
            .Topology(shop => shop.Queue("orders", queue => queue.Durable()).Queue("invoices", queue => queue.Durable()))
            .Publish<Order>(route => route.ToQueue("orders"))
            .Publish<Invoice>(route => route.ToQueue("invoices"))
            .Consume<Order>("orders", (order, context, token) => HandleAsync(order, context, name, token), consumer => consumer.Concurrency(8).Idempotent())
            .Consume<Invoice>("invoices", receive ?? ((invoice, context, token) => ReceiveAsync(invoice, context, name, token)), consumer => consumer.Concurrency(4).Idempotent()));
        return builder.Build();
    }

    private static async ValueTask HandleAsync(Order order, IMessageContext context, string name, CancellationToken cancellationToken)
    {
        SqlMessageTransaction transaction = context.Services.GetRequiredService<SqlMessageTransaction>();
        await using DbCommand insert = transaction.CreateCommand($"insert into {name}effects (number) values ({order.Number})");
        await insert.ExecuteNonQueryAsync(cancellationToken);
        await context.Publisher.PublishAsync(new Invoice(order.Number), cancellationToken: cancellationToken);
    }

    private static async ValueTask ReceiveAsync(Invoice invoice, IMessageContext context, string name, CancellationToken cancellationToken)
    {
        SqlMessageTransaction transaction = context.Services.GetRequiredService<SqlMessageTransaction>();
        await using DbCommand insert = transaction.CreateCommand($"insert into {name}invoices (number) values ({invoice.Number})");
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    // Each order goes through the outbox in a transaction of the application's; every third comes a second time, as a publisher's retry would.
    private static async Task FeedAsync(IHost host, DbDataSource source, string name, int from, int to)
    {
        IOutbox outbox = host.Services.GetRequiredService<IOutbox>();
        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        for (int number = from; number < to; number++)
        {
            PublishOptions options = new() { MessageId = $"order {number}" };
            await using DbConnection connection = await source.OpenConnectionAsync();
            await using DbTransaction transaction = await connection.BeginTransactionAsync();
            await using DbCommand insert = connection.CreateCommand();
            insert.Transaction = transaction;
            insert.CommandText = $"insert into {name}orders (number) values ({number})";
            await insert.ExecuteNonQueryAsync();
            await outbox.AddAsync(transaction, new Order(number), options);
            await transaction.CommitAsync();
            outbox.NotifyStored();
            if (number % 3 == 0)
            {
                await publisher.PublishAsync(new Order(number), options);
            }
        }
    }

    private static async Task ExpectAllOnceAsync(DbDataSource source, string name)
    {
        await UntilAsync(
            async () => await CountAsync(source, $"{name}invoices") >= Orders && await CountAsync(source, $"{name}outbox") == 0, "every invoice received");
        foreach (string table in new[] { "orders", "effects", "invoices" })
        {
            Assert.Equal((table, Orders), (table, await CountAsync(source, name + table)));
            await using DbCommand distinct = source.CreateCommand($"select count(distinct number) from {name}{table}");
            Assert.Equal(Orders, Convert.ToInt64(await distinct.ExecuteScalarAsync(), null));
        }
    }

    private static async Task CreateTablesAsync(DbDataSource source, string name)
    {
        await SqlSchema.CreateAsync(source, new SqlStoreOptions { TablePrefix = name });
        foreach (string table in new[] { "orders", "effects", "invoices" })
        {
            await using DbCommand create = source.CreateCommand($"create table {name}{table} (number integer not null)");
            await create.ExecuteNonQueryAsync();
        }
    }

    private static async Task<DatabaseServer> StartServerAsync(SqlKind kind)
    {
        if (kind == SqlKind.Postgres)
        {
            PostgresServer.Require();
            return await PostgresServer.StartAsync();
        }

        MariaDbServer.Require();
        return await MariaDbServer.StartAsync();
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience * 2);
        while (true)
        {
            try
            {
                if (await condition())
                {
                    return;
                }
            }
            catch (DbException) when (!patience.IsCancellationRequested)
            {
                // a connection of the pool that the killed server had
            }

            Assert.False(patience.IsCancellationRequested, $"It did not happen: {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System); // the servers' time is real
        }
    }

    private static async Task<long> CountAsync(DbDataSource source, string table)
    {
        await using DbCommand command = source.CreateCommand($"select count(*) from {table}");
        return Convert.ToInt64(await command.ExecuteScalarAsync(), null);
    }

    private sealed record Order(int Number);

    private sealed record Invoice(int Number);
}
