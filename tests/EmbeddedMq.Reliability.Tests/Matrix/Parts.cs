using System.Data.Common;
using System.Globalization;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using MySqlConnector;
using Npgsql;
using StackExchange.Redis;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>What an application of a cell is made of: the engine, the stores, and the database of its business.</summary>
internal sealed class Parts : IAsyncDisposable
{
    private readonly IBroker _plainEngine;
    private readonly Broker? _beside;
    private readonly DbDataSource? _database;
    private readonly SqlOutboxStore? _sqlOutbox;
    private readonly KillSwitch _killSwitch;

    private Parts(MatrixCell cell, KillSwitch killSwitch, IBroker engine, Broker? beside, DbDataSource? database)
    {
        Cell = cell;
        _killSwitch = killSwitch;
        _plainEngine = engine;
        _beside = beside;
        _database = database;
        // The broker's own channels are needed for its own way of committing, so nothing stands before them.
        Engine = cell.Mechanism == Mechanism.EmbeddedInbox ? engine : new WatchedEngine(engine, killSwitch);
        if (database is not null && cell.Mechanism != Mechanism.Checks)
        {
            _sqlOutbox = new SqlOutboxStore(database, new SqlOutboxOptions { TablePrefix = TablePrefix, CreateTables = true, TimeProvider = cell.IsSecondLife ? new LaterClock() : null });
        }

        (Outbox, Inbox) = cell.Mechanism switch
        {
            Mechanism.EmbeddedOutbox => (Watch(((IBrokerStores)beside!).Outbox), null),
            Mechanism.SqliteOutbox or Mechanism.PostgresOutbox or Mechanism.MariaDbOutbox => (Watch(_sqlOutbox!), null),
            Mechanism.EmbeddedDirectory => (null, null),
            Mechanism.EmbeddedInbox => (null, Watch(((IBrokerStores)engine).Idempotence)),
            Mechanism.EmbeddedInboxBeside => (((IBrokerStores)beside!).Outbox, Watch(((IBrokerStores)beside).Idempotence)),
            Mechanism.RedisInbox => (null, Watch(new RedisIdempotenceStore(cell.Store, new RedisIdempotenceOptions { KeyPrefix = TablePrefix }))),
            _ => ((IOutboxStore?)_sqlOutbox, (WatchedIdempotence?)Watch(new SqlIdempotenceStore(
                database!, new SqlIdempotenceOptions { TablePrefix = TablePrefix, CreateTables = true, Outbox = _sqlOutbox }))),
        };
    }

    /// <summary>The cell.</summary>
    public MatrixCell Cell { get; }

    /// <summary>The engine, with its places to pass.</summary>
    public IBroker Engine { get; }

    /// <summary>The outbox that is relayed, where there is one.</summary>
    public IOutboxStore? Outbox { get; }

    /// <summary>What the consumer remembers by; none: the cell has no consumer, or its application has the store for itself.</summary>
    public WatchedIdempotence? Inbox { get; }

    private string Beside => BesideOf(Cell);

    private string TablePrefix => Path.GetFileName(Cell.Directory) + "_";

    private string Orders => TablePrefix + "orders";

    private string Effects => TablePrefix + "effects";

    /// <summary>Opens all of it.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="killSwitch">Where to die.</param>
    public static async Task<Parts> OpenAsync(MatrixCell cell, KillSwitch killSwitch)
    {
        Broker? beside = null;
        if (cell.Mechanism == Mechanism.EmbeddedInboxBeside || cell is { Mechanism: Mechanism.EmbeddedOutbox, Engine: not Matrix.Engine.Embedded })
        {
            beside = await Broker.StartAsync(new BrokerOptions { DataDirectory = BesideOf(cell) });
        }

        IBroker engine = cell.Engine == Matrix.Engine.Embedded
            ? await Broker.StartAsync(new BrokerOptions { DataDirectory = Path.Combine(cell.Directory, "broker") })
            : await StartRabbitMqAsync(cell.RabbitMq);
        if (cell.Mechanism == Mechanism.EmbeddedOutbox)
        {
            beside ??= (Broker)engine;
        }

        DbDataSource? database = cell.Mechanism switch
        {
            Mechanism.SqliteOutbox or Mechanism.SqliteInbox or Mechanism.Checks => SqliteFactory.Instance.CreateDataSource($"Data Source={Path.Combine(cell.Directory, "business.db")}"),
            Mechanism.PostgresOutbox or Mechanism.PostgresInbox => NpgsqlDataSource.Create(cell.Store),
            Mechanism.MariaDbOutbox or Mechanism.MariaDbInbox => new MySqlDataSource(cell.Store),
            _ => null,
        };
        Parts parts = new(cell, killSwitch, engine, beside, database);
        if (cell is { Mechanism: Mechanism.RedisInbox, IsSecondLife: true })
        {
            await parts.EndClaimsInRedisAsync();
        }

        if (database is not null)
        {
            await SqlSchema.CreateAsync(database, new SqlStoreOptions { TablePrefix = parts.TablePrefix });
            await parts.ExecuteAsync($"create table if not exists {parts.Orders} (id varchar(50) not null primary key)");
            await parts.ExecuteAsync($"create table if not exists {parts.Effects} (id varchar(50) not null)");
        }

        return parts;
    }

    /// <summary>Has the consumer remember where the cell says.</summary>
    /// <param name="builder">The builder.</param>
    public IIdempotenceBuilder ConfigureInbox(IIdempotenceBuilder builder) => Inbox is null
        ? builder.UseEmbedded(Beside)
        : (_database is null ? builder : builder.ShareWithHandlers(static _ => new SqlMessageTransaction())).UseStore(_ => Inbox);

    /// <summary>Has the outbox keep messages where the cell says.</summary>
    /// <param name="builder">The builder.</param>
    public IOutboxBuilder ConfigureOutbox(IOutboxBuilder builder) => Outbox is null ? builder.UseEmbedded(Beside) : builder.UseStore(_ => Outbox);

    /// <summary>Whether the business of a message was done, and with it the message stored.</summary>
    /// <param name="id">The message.</param>
    public async Task<bool> IsBusinessDoneAsync(string id)
    {
        try
        {
            return _database is null ? await Outbox!.FindAsync(id) is not null : await CountAsync(Orders, id) > 0;
        }
        catch (DbException error)
        {
            await Console.Error.WriteLineAsync(error.Message); // it was killed and is not back yet: the question is asked again
            return false;
        }
    }

    /// <summary>Does the business of a message and stores it, in one transaction where there is a database.</summary>
    /// <param name="outbox">The application's outbox.</param>
    /// <param name="order">The message.</param>
    public async Task DoBusinessAsync(IOutbox outbox, Order order)
    {
        PublishOptions options = PublishOptions.ToQueue(Cell.Queue) with { MessageId = order.Id };
        if (_database is null)
        {
            await outbox.AddAsync(order, options);
            return;
        }

        using IDisposable hold = await ((WatchedOutbox)Outbox!).HoldRelayAsync();
        await using DbConnection connection = await _database.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(connection, transaction, $"insert into {Orders} (id) values ('{order.Id}')");
        await _sqlOutbox!.AddAsync(transaction, [outbox.Prepare(order, options)], CancellationToken.None);
        _killSwitch.Pass("before store");
        await transaction.CommitAsync();
        _killSwitch.Pass("after store");
        _sqlOutbox.NotifyStored();
    }

    /// <summary>Publishes a message, and does its business when the broker has it: whoever dies in between does both anew.</summary>
    /// <param name="publisher">The application's publisher.</param>
    /// <param name="order">The message.</param>
    public async Task PublishAndDoBusinessAsync(IPublisher publisher, Order order)
    {
        await publisher.PublishAsync(order, new PublishOptions { MessageId = order.Id });
        await ExecuteAsync($"insert into {Orders} (id) values ('{order.Id}')");
    }

    /// <summary>Has the effect of a message: a row in the message's own transaction where there is one, and a line in a file that belongs to no store.</summary>
    /// <param name="id">The message.</param>
    /// <param name="context">The message in its handler's hands.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task HaveEffectAsync(string id, IMessageContext context, CancellationToken cancellationToken)
    {
        if (_database is not null)
        {
            DbTransaction transaction = context.Services.GetRequiredService<SqlMessageTransaction>().Transaction;
            await ExecuteAsync(transaction.Connection!, transaction, $"insert into {Effects} (id) values ('{id}')");
        }

        await File.AppendAllTextAsync(Cell.Effects, id + '\n', cancellationToken);
    }

    /// <summary>How often the database says that a message took effect.</summary>
    /// <param name="id">The message.</param>
    public Task<long> CountEffectsAsync(string id) => CountAsync(Effects, id);

    /// <summary>How often the database says that the business of a message was done.</summary>
    /// <param name="id">The message.</param>
    public Task<long> CountOrdersAsync(string id) => CountAsync(Orders, id);

    /// <summary>How many messages wait in a queue.</summary>
    /// <param name="queue">The queue.</param>
    public async Task<uint> CountWaitingAsync(string queue)
    {
        await using IConnection connection = await _plainEngine.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        return (await channel.DeclareQueuePassiveAsync(queue)).MessageCount;
    }

    public async ValueTask DisposeAsync()
    {
        if (Inbox is not null)
        {
            await Inbox.DisposeAsync();
        }

        await _plainEngine.DisposeAsync();
        if (_beside is not null)
        {
            await _beside.DisposeAsync();
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    private static async Task<IBroker> StartRabbitMqAsync(string uri)
    {
        RabbitMqOptions options = new() { Uri = uri };
        RabbitServer.BePatient(options);
        return await RabbitMqBroker.StartAsync(options);
    }

    private static string BesideOf(MatrixCell cell) => Path.Combine(cell.Directory, "beside");

    private static async Task ExecuteAsync(DbConnection connection, DbTransaction? transaction, string statement)
    {
        await using DbCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = statement;
        await command.ExecuteNonQueryAsync();
    }

    private WatchedOutbox Watch(IOutboxStore store) => new(store, _killSwitch);

    private WatchedIdempotence Watch(IIdempotenceStore store) => new(store, _killSwitch);

    // Its leases are over by the server's clock, which nobody can move: what the killed process claims, ends here.
    private async Task EndClaimsInRedisAsync()
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(Cell.Store);
        foreach (RedisKey key in redis.GetServers().Single().Keys(pattern: TablePrefix + "*"))
        {
            if (await redis.GetDatabase().KeyTimeToLiveAsync(key) is { } left && left <= Victim.Lease)
            {
                await redis.GetDatabase().KeyDeleteAsync(key);
            }
        }
    }

    private async Task ExecuteAsync(string statement)
    {
        await using DbConnection connection = await _database!.OpenConnectionAsync();
        await ExecuteAsync(connection, null, statement);
    }

    private async Task<long> CountAsync(string table, string id)
    {
        await using DbConnection connection = await _database!.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = $"select count(*) from {table} where id = '{id}'";
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }
}
