using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using EmbeddedMq.Sql.Schema;

namespace EmbeddedMq.Sql.Dialects;

/// <summary>PostgreSQL.</summary>
/// <remarks>Its texts cannot hold U+0000, which ids may: U+0001 marks it, so that every text comes back as it was.</remarks>
internal sealed class PostgreSqlDialect : SqlDialect
{
    private const char Null = '\0';
    private const char Mark = '\u0001';
    private const char MarkedNull = '\u0002';

    /// <inheritdoc/>
    public override string Name => "PostgreSQL";

    /// <inheritdoc/>
    internal override string SkipLocked => " for update skip locked";

    /// <inheritdoc/>
    internal override string ForUpdate => " for update";

    /// <inheritdoc/>
    internal override string IsSame => "is not distinct from";

    /// <inheritdoc/>
    internal override bool LooksBeforeClaiming => false;

    /// <inheritdoc/>
    internal override string? SelectNow => "select (extract(epoch from clock_timestamp()) * 1000)::bigint";

    // Two sessions that create one table at once make one of them fail, "if not exists" or not. The number is any that others will not use.
    /// <inheritdoc/>
    internal override string? LockSchema => "select pg_advisory_lock(5577006791947779410)";

    /// <inheritdoc/>
    internal override string? UnlockSchema => "select pg_advisory_unlock(5577006791947779410)";

    /// <inheritdoc/>
    internal override IReadOnlyList<string> CreateStatements(TableNames names) =>
    [
        $"create table if not exists {names.Version} (version integer not null primary key)",

        // A queue's rows live for seconds: vacuum must come long before a fifth of a table is dead.
        $"""
        create table if not exists {names.Outbox} (
          seq         bigint   generated always as identity primary key,
          id          text     collate "C" not null unique,
          exchange    text     not null,
          routing_key text     not null,
          mandatory   smallint not null,
          order_key   text     collate "C" null,
          properties  bytea    not null,
          status      smallint not null,
          attempts    integer  not null,
          stored_at   bigint   not null,
          changed_at  bigint   not null,
          due_at      bigint   not null,
          token       bytea    null,
          last_error  text     null,
          body        bytea    not null)
          with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)
        """,
        $"create index if not exists {names.Index("outbox_due")} on {names.Outbox} (due_at, seq)",
        $"create index if not exists {names.Index("outbox_order")} on {names.Outbox} (order_key, seq) where order_key is not null",
        $"""
        create table if not exists {names.Confirmed} (
          seq          bigint  not null primary key,
          id           text    collate "C" not null,
          exchange     text    not null,
          routing_key  text    not null,
          attempts     integer not null,
          stored_at    bigint  not null,
          confirmed_at bigint  not null)
        """,
        $"create index if not exists {names.Index("confirmed_id")} on {names.Confirmed} (id)",
        $"create index if not exists {names.Index("confirmed_at")} on {names.Confirmed} (confirmed_at)",
        $"""
        create table if not exists {names.Idempotence} (
          scope       text     collate "C" not null,
          message_id  text     collate "C" not null,
          fingerprint bytea    not null,
          state       smallint not null,
          at          bigint   not null,
          primary key (scope, message_id))
        """,
        $"create index if not exists {names.Index("idempotence_at")} on {names.Idempotence} (at)",
        $"insert into {names.Version} (version) select {TableNames.SchemaVersion} where not exists (select 1 from {names.Version})",
    ];

    /// <inheritdoc/>
    internal override void AddKey(DbCommand command, string name, string? value) => AddText(command, name, value);

    /// <inheritdoc/>
    internal override string ReadKey(DbDataReader reader, int column) => ReadText(reader, column);

    /// <inheritdoc/>
    internal override void AddText(DbCommand command, string name, string? value) => Add(command, name, DbType.String, value is null ? null : Escape(value));

    /// <inheritdoc/>
    internal override string ReadText(DbDataReader reader, int column) => Unescape(reader.GetString(column));

    /// <inheritdoc/>
    internal override string LimitLockWait(TimeSpan limit)
        => string.Create(CultureInfo.InvariantCulture, $"set local lock_timeout = {Math.Max(1, (long)limit.TotalMilliseconds)}; ");

    /// <inheritdoc/>
    internal override string UnlimitLockWait => "; set local lock_timeout to default";

    /// <inheritdoc/>
    internal override bool IsUniqueViolation(DbException error) => error.SqlState == "23505";

    // lock_not_available, serialization_failure, deadlock_detected
    /// <inheritdoc/>
    internal override bool IsLockConflict(DbException error) => error.SqlState is "55P03" or "40001" or "40P01";

    // undefined_table, invalid_schema_name
    /// <inheritdoc/>
    internal override bool IsMissingTable(DbException error) => error.SqlState is "42P01" or "3F000";

    // The first error ends a transaction, and a commit rolls it back then without one: a handler that has kept the error to itself would lose its message.
    /// <inheritdoc/>
    internal override string? AskBeforeCommit => "select 1";

    // Cardinality, data, integrity constraint, triggered data change, SQL routine, external routine, check option, PL/pgSQL; a transaction that an earlier
    // error has ended, which the handler has kept to itself; a deferred constraint that rolled back.
    /// <inheritdoc/>
    internal override bool IsRefusal(DbException error)
        => error.SqlState is "25P02" or "40002" || error.SqlState?[..2] is "21" or "22" or "23" or "27" or "2F" or "38" or "39" or "44" or "P0";

    /// <summary>The text without U+0000.</summary>
    internal static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAny(Null, Mark) < 0)
        {
            return text;
        }

        StringBuilder escaped = new(text.Length + 8);
        foreach (char next in text)
        {
            _ = next switch
            {
                Null => escaped.Append(Mark).Append(MarkedNull),
                Mark => escaped.Append(Mark).Append(Mark),
                _ => escaped.Append(next),
            };
        }

        return escaped.ToString();
    }

    /// <summary>Undoes <see cref="Escape"/>.</summary>
    internal static string Unescape(string text)
    {
        if (!text.Contains(Mark, StringComparison.Ordinal))
        {
            return text;
        }

        StringBuilder plain = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            bool marked = text[i] == Mark && i + 1 < text.Length;
            plain.Append(marked && text[++i] == MarkedNull ? Null : text[i]);
        }

        return plain.ToString();
    }

    /// <inheritdoc/>
    private protected override string QuoteValid(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
