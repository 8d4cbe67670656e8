using System.Collections.Concurrent;
using System.Data.Common;
using EmbeddedMq.TestSupport;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>Whose error it is when a message cannot be completed: the handler's, whose retry rules apply, or the database's, which is nobody's attempt.</summary>
public sealed class SqlRefusalTests : IAsyncLifetime
{
    private const string Bad = "bad";
    private const string Good = "good";

    private readonly string _name = SqlServers.UniqueName();
    private readonly ConcurrentQueue<string> _calls = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddScoped<SqlMessageTransaction>().BuildServiceProvider();
    private Broker _broker = null!;
    private DbDataSource _source = null!;

    public static TheoryData<SqlKind> Kinds => [SqlKind.Sqlite, SqlKind.Postgres, SqlKind.MariaDb];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _broker = await Broker.StartAsync(cancellationToken: Token);

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _services.DisposeAsync();
    }

    /// <summary>A constraint that is looked at when the message is completed: at the commit, or where a database has no such, in the outbox.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Completion_RefusedByAConstraint_IsAFailedAttemptOfTheHandler(SqlKind kind)
    {
        await OpenAsync(kind);
        if (kind == SqlKind.MariaDb)
        {
            await ExecuteAsync($"alter table {_name}outbox add constraint {_name}no check (routing_key <> '{Bad}')");
        }
        else
        {
            await ExecuteAsync($"create table {_name}known (id varchar(50) not null primary key)");
            await ExecuteAsync($"create table {_name}used (id varchar(50) not null references {_name}known (id) deferrable initially deferred)");
            await ExecuteAsync($"insert into {_name}known (id) values ('{Good}')");
        }

        await using MessageBus bus = await StartAsync(async (text, context) =>
        {
            if (kind == SqlKind.MariaDb)
            {
                await context.Publisher.PublishAsync(1, PublishOptions.ToQueue(text), Token);
            }
            else
            {
                await ExecuteAsync(context, $"insert into {_name}used (id) values ('{text}')");
            }
        });

        await SendAsync(bus, Bad, Good);
        Delivery dead = await NextDeadAsync();

        Assert.Equal(Bad, dead.Properties.MessageId);
        Assert.EndsWith("Exception", (string)dead.Message.Headers[MessageHeaders.ErrorType]!, StringComparison.Ordinal);
        Assert.Equal([Bad, Bad, Bad, Good], _calls.Order());
    }

    /// <summary>PostgreSQL ends a transaction with its first error, and answers a later commit with a rollback and no error.</summary>
    [Fact]
    public async Task Handler_ThatKeepsAnErrorOfItsTransactionToItself_HasFailed()
    {
        await OpenAsync(SqlKind.Postgres);
        await using MessageBus bus = await StartAsync(async (text, context) =>
        {
            if (text == Bad)
            {
                await Assert.ThrowsAnyAsync<DbException>(() => ExecuteAsync(context, "select 1 / 0"));
            }
        });

        await SendAsync(bus, Bad, Good);

        Assert.Equal(Bad, (await NextDeadAsync()).Properties.MessageId);
        Assert.Equal([Bad, Bad, Bad, Good], _calls.Order());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Handler_ThatEndsItsTransactionItself_HasFailed(SqlKind kind)
    {
        await OpenAsync(kind);
        await using MessageBus bus = await StartAsync(async (text, context) =>
        {
            if (text == Bad)
            {
                await context.Services.GetRequiredService<SqlMessageTransaction>().Transaction.RollbackAsync(Token);
            }
        });

        await SendAsync(bus, Bad, Good);

        Assert.Equal(Bad, (await NextDeadAsync()).Properties.MessageId);
        Assert.Equal([Bad, Bad, Bad, Good], _calls.Order());
    }

    /// <summary>The server cuts the connection in the middle of the commit, more often than the handler may fail.</summary>
    [Fact]
    public async Task Commit_WhoseConnectionIsCut_IsNobodysAttempt()
    {
        const int Cuts = 4;
        await OpenAsync(SqlKind.Postgres);
        await ExecuteAsync($"create sequence {_name}cuts");
        await ExecuteAsync($"create table {_name}effects (id varchar(50) not null)");
        await ExecuteAsync($"""
            create function {_name}cut() returns trigger language plpgsql as $$
            begin
              if nextval('{_name}cuts') <= {Cuts} then perform pg_terminate_backend(pg_backend_pid()); end if;
              return null;
            end $$
            """);
        await ExecuteAsync($"create constraint trigger {_name}cut after insert on {_name}effects deferrable initially deferred for each row execute function {_name}cut()");
        await using MessageBus bus = await StartAsync((text, context) => ExecuteAsync(context, $"insert into {_name}effects (id) values ('{text}')"));

        await SendAsync(bus, Good);
        await UntilAsync(async () => (await CountAsync($"{_name}effects")) == 1, "the effect");

        Assert.Equal(Enumerable.Repeat(Good, Cuts + 1), _calls);
        IChannel channel = await OpenChannelAsync();
        Assert.Equal(0u, (await channel.DeclareQueuePassiveAsync("dead", Token)).MessageCount);
    }

    private async Task OpenAsync(SqlKind kind)
    {
        _source = kind == SqlKind.Sqlite
            ? SqliteFactory.Instance.CreateDataSource(SqlServers.SqliteConnectionString(_name) + ";Foreign Keys=True")
            : await SqlServers.OpenAsync(kind, _name);
        await SqlSchema.CreateAsync(_source, new SqlStoreOptions { TablePrefix = _name }, Token);
    }

    private ValueTask<MessageBus> StartAsync(Func<string, IMessageContext, Task> handle) => MessageBus.StartAsync(
        _broker,
        mq => mq
            .Topology(static t => t.Queue("work").Queue("dead").Queue(Good))
            .Publish<string>(static p => p.ToQueue("work"))
            .Idempotence(i => i.UseStore(_ => new SqlIdempotenceStore(
                _source, new SqlIdempotenceOptions { TablePrefix = _name, Outbox = new SqlOutboxStore(_source, new SqlOutboxOptions { TablePrefix = _name }) })))
            .Consume<string>(
                "work",
                async (text, context, _) =>
                {
                    _calls.Enqueue(text);
                    await handle(text, context);
                },
                static c => c.Idempotent().DeadLetterTo("dead").Retry(static r => r.Else(2, Backoff.None).WaitIn(RetryWait.Consumer))),
        new MessageBusOptions { RestartDelay = TimeSpan.FromMilliseconds(10) },
        _services,
        cancellationToken: Token);

    private static async Task SendAsync(MessageBus bus, params string[] texts)
    {
        foreach (string text in texts)
        {
            await bus.Publisher.PublishAsync(text, new PublishOptions { MessageId = text }, Token);
        }
    }

    // When the message behind it has been processed, too.
    private async Task<Delivery> NextDeadAsync()
    {
        IChannel channel = await OpenChannelAsync();
        GetResult? dead = null;
        await UntilAsync(async () => (dead ??= await channel.GetAsync("dead", autoAck: true, Token)) is not null && _calls.Contains(Good), "a dead letter");
        return dead!.Delivery;
    }

    private async Task<IChannel> OpenChannelAsync() => await (await _broker.ConnectAsync(cancellationToken: Token)).OpenChannelAsync(cancellationToken: Token);

    private async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience * 2);
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, $"It did not happen: {what}. Handled: {string.Join(", ", _calls)}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System); // the servers' time is real
        }
    }

    private static async Task ExecuteAsync(IMessageContext context, string statement)
    {
        await using DbCommand command = context.Services.GetRequiredService<SqlMessageTransaction>().CreateCommand(statement);
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task ExecuteAsync(string statement)
    {
        await using DbCommand command = _source.CreateCommand(statement);
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task<long> CountAsync(string table)
    {
        await using DbCommand command = _source.CreateCommand($"select count(*) from {table}");
        return Convert.ToInt64(await command.ExecuteScalarAsync(Token), null);
    }
}
