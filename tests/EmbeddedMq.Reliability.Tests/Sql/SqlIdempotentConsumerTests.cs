using System.Data.Common;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>Consumers whose effect is a row in the transaction that remembers the message.</summary>
public abstract class SqlIdempotentConsumerTests(SqlKind kind) : IdempotentConsumerContract
{
    private readonly string _name = SqlServers.UniqueName();
    private readonly ServiceProvider _services = new ServiceCollection().AddScoped<SqlMessageTransaction>().BuildServiceProvider();
    private DbDataSource _source = null!;

    /// <inheritdoc/>
    protected override IServiceProvider? Services => _services;

    private string Effects => _name + "effects";

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _services.DisposeAsync();
    }

    /// <inheritdoc/>
    protected override async ValueTask<IIdempotenceStore> CreateAsync()
    {
        _source = await SqlServers.OpenAsync(kind, _name);
        await using (DbCommand command = _source.CreateCommand($"create table {Effects} (id varchar(50) not null)"))
        {
            await command.ExecuteNonQueryAsync();
        }

        return new SqlIdempotenceStore(_source, new SqlIdempotenceOptions { TablePrefix = _name, CreateTables = true });
    }

    /// <inheritdoc/>
    protected override async ValueTask TakeEffectAsync(string id, IMessageContext context)
    {
        await using DbCommand command = context.Services.GetRequiredService<SqlMessageTransaction>().CreateCommand($"insert into {Effects} (id) values ('{id}')");
        await command.ExecuteNonQueryAsync();
    }

    /// <inheritdoc/>
    protected override async ValueTask<IReadOnlyDictionary<string, int>> CountEffectsAsync()
    {
        Dictionary<string, int> counts = [];
        await using DbCommand command = _source.CreateCommand($"select id from {Effects}");
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            string id = reader.GetString(0);
            counts[id] = counts.GetValueOrDefault(id) + 1;
        }

        return counts;
    }
}

public sealed class SqliteIdempotentConsumerTests() : SqlIdempotentConsumerTests(SqlKind.Sqlite);

public sealed class PostgresIdempotentConsumerTests() : SqlIdempotentConsumerTests(SqlKind.Postgres);

public sealed class MariaDbIdempotentConsumerTests() : SqlIdempotentConsumerTests(SqlKind.MariaDb);
