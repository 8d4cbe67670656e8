using System.Collections.Concurrent;
using System.Data.Common;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>What the stores promise beyond their contracts: the caller's transaction, several instances, tables.</summary>
public sealed class SqlTransactionTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    public static TheoryData<SqlKind> Kinds => [SqlKind.Sqlite, SqlKind.Postgres, SqlKind.MariaDb];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Add_InACallersTransaction_IsThereIfThatCommitsAndOnlyThen(SqlKind kind)
    {
        (DbDataSource source, string name) = await SetUpAsync(kind);
        SqlOutboxStore store = new(source, new SqlOutboxOptions { TablePrefix = name });
        foreach (bool commit in new[] { false, true })
        {
            await using DbConnection connection = await source.OpenConnectionAsync();
            await using DbTransaction transaction = await connection.BeginTransactionAsync();
            await ExecuteAsync(connection, transaction, $"insert into {name}orders values ({(commit ? 1 : 2)})");
            await store.AddAsync(transaction, [Make(commit ? "kept" : "gone")], CancellationToken.None);
            if (commit)
            {
                await transaction.CommitAsync();
            }
        }

        Assert.Equal(["kept"], (await store.TakeAsync(10, Lease)).Select(static entry => entry.Message.Id));
        Assert.Equal(1, await CountAsync(source, $"{name}orders"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Add_WithEveryTypeOfHeaderAndEveryCharacter_ComesBackAsItWas(SqlKind kind)
    {
        (DbDataSource source, string name) = await SetUpAsync(kind);
        SqlOutboxStore store = new(source, new SqlOutboxOptions { TablePrefix = name });
        string text = "\0a\u0001\u0002\0\0\u0001 '\"\\%;--\n日本 😀";
        HeaderTable headers = new(
        [
            new("null", null), new("bool", false), new("sbyte", sbyte.MinValue), new("byte", byte.MaxValue), new("short", short.MinValue),
            new("ushort", ushort.MaxValue), new("int", int.MinValue), new("uint", uint.MaxValue), new("long", long.MaxValue), new("float", float.Epsilon),
            new("double", double.NaN), new("decimal", -79_228_162_514_264_337_593_543_950.335m), new("text", text), new("bytes", new byte[] { 0, 1, 255 }),
            new("time", DateTimeOffset.UnixEpoch), new("table", HeaderTable.Of(text, HeaderTable.Of("x", 1u))), new("list", new object?[] { null, (byte)1, new object[] { 1.5f } }),
        ]);
        OutboxMessage message = new()
        {
            Id = text,
            Exchange = text,
            RoutingKey = text,
            OrderKey = text,
            Message = new Message([0, 255], new MessageProperties { MessageId = text, Headers = headers, Timestamp = new DateTimeOffset(2030, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(2)) }),
        };
        await store.AddAsync([message]);

        OutboxEntry entry = Assert.Single(await store.TakeAsync(1, Lease));

        Assert.Equal(message.Message.Properties, entry.Message.Message.Properties);
        Assert.Equal(message.Message.Body.ToArray(), entry.Message.Message.Body.ToArray());
        Assert.Equal((text, text, text, text), (entry.Message.Id, entry.Message.Exchange, entry.Message.RoutingKey, entry.Message.OrderKey));
        await store.FailAsync(entry, text);
        Assert.Equal(text, (await store.FindAsync(text))?.LastError);
        Assert.True(await store.DiscardAsync(text));
    }

    [Theory]
    [InlineData(SqlKind.Postgres)]
    [InlineData(SqlKind.MariaDb)]
    public async Task Take_OfARowThatIsCommittedLate_DoesNotSkipIt(SqlKind kind)
    {
        (DbDataSource source, string name) = await SetUpAsync(kind);
        SqlOutboxStore store = new(source, new SqlOutboxOptions { TablePrefix = name });
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbTransaction slow = await connection.BeginTransactionAsync();
        await store.AddAsync(slow, [Make("early number, late commit")], CancellationToken.None);
        await store.AddAsync([Make("later number")]);
        Assert.Equal(["later number"], (await store.TakeAsync(10, Lease)).Select(static entry => entry.Message.Id));

        await slow.CommitAsync();

        Assert.Equal(["early number, late commit"], (await store.TakeAsync(10, Lease)).Select(static entry => entry.Message.Id));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Claim_Completed_CommitsEffectMarkAndOutgoingTogether(SqlKind kind)
    {
        (DbDataSource source, string name) = await SetUpAsync(kind);
        SqlOutboxStore outbox = new(source, new SqlOutboxOptions { TablePrefix = name });
        await using SqlIdempotenceStore store = new(source, new SqlIdempotenceOptions { TablePrefix = name, Outbox = outbox });
        ClaimRequest request = new() { Key = new IdempotenceKey("orders", "m1", new Fingerprint(1, 2)), Lease = Lease };
        foreach (bool complete in new[] { false, true })
        {
            await using SqlIdempotenceClaim claim = (SqlIdempotenceClaim)await store.ClaimAsync(request);
            Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
            Assert.True(claim.TakesOutgoing);
            await ExecuteAsync(claim.Transaction.Connection!, claim.Transaction, $"insert into {name}orders values (1)");
            if (complete)
            {
                await claim.CompleteAsync([Make("invoice")]);
            }
        }

        Assert.Equal(1, await CountAsync(source, $"{name}orders"));
        Assert.Equal(IdempotenceState.Processed, (await store.FindAsync("orders", "m1"))?.State);
        Assert.Equal(["invoice"], (await outbox.TakeAsync(10, Lease)).Select(static entry => entry.Message.Id));
        await using IIdempotenceClaim again = await store.ClaimAsync(request);
        Assert.Equal(ClaimOutcome.Duplicate, again.Outcome);
    }

    [Theory]
    [InlineData(SqlKind.Postgres)]
    [InlineData(SqlKind.MariaDb)]
    public async Task Claim_HeldByAnotherInstance_IsBusyAfterTheLockTimeoutAndThenADuplicate(SqlKind kind)
    {
        (DbDataSource source, string name) = await SetUpAsync(kind);
        SqlIdempotenceOptions options = new() { TablePrefix = name, LockTimeout = TimeSpan.FromMilliseconds(200) };
        await using SqlIdempotenceStore one = new(source, options);
        await using SqlIdempotenceStore other = new(source, options);
        ClaimRequest request = new() { Key = new IdempotenceKey("orders", "m1", new Fingerprint(1, 2)), Lease = Lease };
        await using IIdempotenceClaim claim = await one.ClaimAsync(request);
        await using (IIdempotenceClaim busy = await other.ClaimAsync(request))
        {
            Assert.Equal(ClaimOutcome.Busy, busy.Outcome);
        }

        await claim.CompleteAsync([]);

        await using IIdempotenceClaim duplicate = await other.ClaimAsync(request);
        Assert.Equal(ClaimOutcome.Duplicate, duplicate.Outcome);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Relays_TwoInstancesOnTenThousandRows_EachRowOnce(SqlKind kind)
    {
        const int Rows = 10_000;
        (DbDataSource source, string name) = await SetUpAsync(kind);
        SqlOutboxOptions options = new() { TablePrefix = name };
        await new SqlOutboxStore(source, options).AddAsync([.. Enumerable.Range(0, Rows).Select(static i => Make($"m{i}", i % 3 == 0 ? $"k{i % 50}" : null))]);
        ConcurrentDictionary<string, int> sent = new();

        async Task RelayAsync()
        {
            SqlOutboxStore store = new(source, options);
            while (sent.Count < Rows)
            {
                IReadOnlyList<OutboxEntry> taken = await store.TakeAsync(256, Lease);
                foreach (OutboxEntry entry in taken)
                {
                    sent.AddOrUpdate(entry.Message.Id, 1, static (_, count) => count + 1);
                }

                await store.ConfirmAsync(taken);
            }
        }

        await Task.WhenAll(Task.Run(RelayAsync), Task.Run(RelayAsync)).WaitAsync(BrokerFixture.Patience * 4);

        Assert.Empty(sent.Where(static message => message.Value != 1));
        Assert.Equal(default, await new SqlOutboxStore(source, options).CountAsync());
        Assert.Equal(Rows, await CountAsync(source, $"{name}outbox_confirmed"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Take_BehindAFailedHeadOfThousands_ReachesWhatIsBehindThemAndLosesNone(SqlKind kind)
    {
        const int Behind = 3_000;
        (DbDataSource source, string name) = await SetUpAsync(kind);
        SqlOutboxStore store = new(source, new SqlOutboxOptions { TablePrefix = name });
        await store.AddAsync([Make("head", "key")]);
        await store.FailAsync((await store.TakeAsync(1, Lease))[0], "poison");
        await store.AddAsync([.. Enumerable.Range(0, Behind).Select(static i => Make($"m{i}", "key"))]);
        await store.AddAsync([Make("other", "other key"), Make("free")]);

        IReadOnlyList<OutboxEntry> taken = await store.TakeAsync(16, Lease);
        Assert.Equal(["other", "free"], taken.Select(static entry => entry.Message.Id));
        await store.ConfirmAsync(taken);
        Assert.Empty(await store.TakeAsync(16, Lease));

        Assert.True(await store.DiscardAsync("head"));
        List<string> sent = [];
        while (await store.TakeAsync(256, Lease) is { Count: > 0 } batch)
        {
            sent.AddRange(batch.Select(static entry => entry.Message.Id));
            await store.ConfirmAsync(batch);
        }

        Assert.Equal(Enumerable.Range(0, Behind).Select(static i => $"m{i}"), sent);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Store_WithoutTables_SaysWhatToRun(SqlKind kind)
    {
        string name = SqlServers.UniqueName();
        DbDataSource source = await SqlServers.OpenAsync(kind, name);
        SqlOutboxStore store = new(source, new SqlOutboxOptions { TablePrefix = name });

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.CountAsync());

        Assert.Contains("SqlSchema.CreateAsync", error.Message, StringComparison.Ordinal);
        Assert.Contains(name + "version", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Schema_MadeByManyAtOnceOrByItsScript_IsTheSame(SqlKind kind)
    {
        string name = SqlServers.UniqueName();
        DbDataSource source = await SqlServers.OpenAsync(kind, name);
        SqlOutboxOptions options = new() { TablePrefix = name };
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () => await SqlSchema.CreateAsync(source, options))));
        await new SqlOutboxStore(source, options).AddAsync([Make("a")]);

        string scripted = SqlServers.UniqueName();
        DbDataSource scriptSource = await SqlServers.OpenAsync(kind, scripted);
        SqlOutboxOptions scriptOptions = new() { TablePrefix = scripted };
        await using (DbCommand command = scriptSource.CreateCommand(SqlSchema.Script(SqlDialect.Of(source), scriptOptions)))
        {
            await command.ExecuteNonQueryAsync();
        }

        await SqlSchema.CreateAsync(scriptSource, scriptOptions);
        await new SqlOutboxStore(scriptSource, scriptOptions).AddAsync([Make("a")]);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Retention_ByCount_KeepsTheYoungest(SqlKind kind)
    {
        (DbDataSource source, string name) = await SetUpAsync(kind);
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        await using SqlIdempotenceStore store = new(
            source, new SqlIdempotenceOptions { TablePrefix = name, TimeProvider = time, RetentionCount = 5, RetentionTime = TimeSpan.FromDays(1) });
        for (int i = 0; i < 10; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await ProcessAsync($"m{i}");
        }

        time.Advance(TimeSpan.FromMinutes(1));
        await ProcessAsync("m10");
        Assert.Equal(6, await CountAsync(source, $"{name}idempotence"));
        Assert.Null(await store.FindAsync("s", "m4"));
        Assert.NotNull(await store.FindAsync("s", "m5"));

        time.Advance(TimeSpan.FromDays(2));
        await ProcessAsync("m11");
        Assert.Equal(1, await CountAsync(source, $"{name}idempotence"));

        async Task ProcessAsync(string id)
        {
            await using IIdempotenceClaim claim = await store.ClaimAsync(new ClaimRequest { Key = new IdempotenceKey("s", id, default), Lease = Lease });
            await claim.CompleteAsync([]);
        }
    }

    private static OutboxMessage Make(string id, string? orderKey = null) => new()
    {
        Id = id,
        Exchange = "",
        RoutingKey = "orders",
        Message = Message.Text(id, new MessageProperties { MessageId = id }),
        OrderKey = orderKey,
    };

    private static async Task<(DbDataSource Source, string Name)> SetUpAsync(SqlKind kind)
    {
        string name = SqlServers.UniqueName();
        DbDataSource source = await SqlServers.OpenAsync(kind, name);
        await SqlSchema.CreateAsync(source, new SqlStoreOptions { TablePrefix = name });
        await using DbCommand command = source.CreateCommand($"create table {name}orders (id integer not null)");
        await command.ExecuteNonQueryAsync();
        return (source, name);
    }

    private static async Task ExecuteAsync(DbConnection connection, DbTransaction transaction, string text)
    {
        await using DbCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = text;
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<long> CountAsync(DbDataSource source, string table)
    {
        await using DbCommand command = source.CreateCommand($"select count(*) from {table}");
        return Convert.ToInt64(await command.ExecuteScalarAsync(), null);
    }
}
