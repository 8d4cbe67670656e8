using System.Data.Common;

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>An update that names the version that it changes.</summary>
public sealed class VersionCheckedUpdateTests
{
    public static TheoryData<SqlKind> Kinds => [SqlKind.Sqlite, SqlKind.Postgres, SqlKind.MariaDb];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Update_OnceTwiceStaleAndOfNothing_TellsWhichItWas(SqlKind kind)
    {
        string table = SqlServers.UniqueName() + "accounts";
        DbDataSource source = await SqlServers.OpenAsync(kind, table);
        await ExecuteAsync(source, $"create table {table} (id integer primary key, owner varchar(100), note varchar(100), balance bigint not null, version bigint not null)");
        await ExecuteAsync(source, $"insert into {table} values (1, 'ann', 'vip', 100, 7), (2, 'bob', null, 5, 7)");
        VersionCheckedUpdate update = new()
        {
            Table = [table],
            Key = new Dictionary<string, object> { ["id"] = 1 },
            ExpectedVersion = 7,
            Values = new Dictionary<string, object?> { ["balance"] = 130L, ["owner"] = "o'neil", ["note"] = null },
        };

        Assert.Equal(VersionedUpdateOutcome.Applied, await UpdateAsync(source, update, commit: false));
        Assert.Equal(VersionedUpdateOutcome.Applied, await UpdateAsync(source, update));
        Assert.Equal(VersionedUpdateOutcome.AlreadyApplied, await UpdateAsync(source, update));
        Assert.Equal(
            VersionedUpdateOutcome.Conflict,
            await UpdateAsync(source, update with { Values = new Dictionary<string, object?> { ["balance"] = 131L, ["note"] = null } }));
        Assert.Equal(
            VersionedUpdateOutcome.Conflict,
            await UpdateAsync(source, update with { Values = new Dictionary<string, object?> { ["balance"] = 130L, ["note"] = "vip" } }));
        Assert.Equal(VersionedUpdateOutcome.Conflict, await UpdateAsync(source, update with { ExpectedVersion = 6 }));
        Assert.Equal(VersionedUpdateOutcome.NotFound, await UpdateAsync(source, update with { Key = new Dictionary<string, object> { ["id"] = 3 } }));
        Assert.Equal(VersionedUpdateOutcome.Applied, await UpdateAsync(source, update with { ExpectedVersion = 8, Values = new Dictionary<string, object?>() }));
        Assert.Equal("1|o'neil||130|9;2|bob||5|7", await ReadAsync(source, table));
    }

    [Fact]
    public async Task Update_WithoutAKeyOrWithANameThatIsNone_IsRefused()
    {
        DbDataSource source = await SqlServers.OpenAsync(SqlKind.Sqlite, SqlServers.UniqueName());
        VersionCheckedUpdate update = new()
        {
            Table = ["accounts"],
            Key = new Dictionary<string, object>(),
            ExpectedVersion = 7,
            Values = new Dictionary<string, object?>(),
        };

        await Assert.ThrowsAsync<ArgumentException>(() => UpdateAsync(source, update));
        await Assert.ThrowsAsync<ArgumentException>(() => UpdateAsync(source, update with { Key = new Dictionary<string, object> { ["id\0"] = 1 } }));
    }

    private static async Task<VersionedUpdateOutcome> UpdateAsync(DbDataSource source, VersionCheckedUpdate update, bool commit = true)
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        VersionedUpdateOutcome outcome = await update.ExecuteAsync(transaction);
        if (commit)
        {
            await transaction.CommitAsync();
        }

        return outcome;
    }

    private static async Task ExecuteAsync(DbDataSource source, string text)
    {
        await using DbCommand command = source.CreateCommand(text);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> ReadAsync(DbDataSource source, string table)
    {
        await using DbCommand command = source.CreateCommand($"select id, owner, note, balance, version from {table} order by id");
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        List<string> rows = [];
        while (await reader.ReadAsync())
        {
            rows.Add(string.Join('|', Enumerable.Range(0, 5).Select(column => reader.GetValue(column))));
        }

        return string.Join(';', rows);
    }
}
