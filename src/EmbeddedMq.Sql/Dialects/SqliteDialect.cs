using System.Data;
using System.Data.Common;
using EmbeddedMq.Sql.Schema;

namespace EmbeddedMq.Sql.Dialects;

/// <summary>SQLite. One connection writes at a time; with a write-ahead log the others read meanwhile.</summary>
/// <remarks>A transaction of Microsoft.Data.Sqlite begins with BEGIN IMMEDIATE unless it is asked for otherwise: it waits for the right to write
/// at its begin, and never has to give up in the middle because another has written since it first read.</remarks>
internal sealed class SqliteDialect : SqlDialect
{
    /// <inheritdoc/>
    public override string Name => "SQLite";

    /// <inheritdoc/>
    internal override string SkipLocked => "";

    /// <inheritdoc/>
    internal override string ForUpdate => "";

    /// <inheritdoc/>
    internal override string IsSame => "is";

    /// <inheritdoc/>
    internal override bool HasOneWriter => true;

    // Readers and the writer do not wait for one another; kept in the file.
    /// <inheritdoc/>
    internal override string? DatabaseSettings => "pragma journal_mode = wal";

    // The library waits in small steps; the driver's own loop sleeps 150 ms at a time.
    /// <inheritdoc/>
    internal override string? ConnectionSettings => "pragma busy_timeout = 5000";

    /// <inheritdoc/>
    internal override IsolationLevel Isolation(IsolationLevel wanted) => IsolationLevel.Serializable;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> CreateStatements(TableNames names) =>
    [
        $"create table if not exists {names.Version} (version integer not null primary key)",
        $"""
        create table if not exists {names.Outbox} (
          seq         integer not null primary key autoincrement,
          id          text    not null unique,
          exchange    text    not null,
          routing_key text    not null,
          mandatory   integer not null,
          order_key   text    null,
          properties  blob    not null,
          status      integer not null,
          attempts    integer not null,
          stored_at   integer not null,
          changed_at  integer not null,
          due_at      integer not null,
          token       blob    null,
          last_error  text    null,
          body        blob    not null)
        """,
        $"create index if not exists {names.Index("outbox_due")} on {names.OutboxInIndex} (due_at, seq)",
        $"create index if not exists {names.Index("outbox_order")} on {names.OutboxInIndex} (order_key, seq) where order_key is not null",
        $"""
        create table if not exists {names.Confirmed} (
          seq          integer not null primary key,
          id           text    not null,
          exchange     text    not null,
          routing_key  text    not null,
          attempts     integer not null,
          stored_at    integer not null,
          confirmed_at integer not null)
        """,
        $"create index if not exists {names.Index("confirmed_id")} on {names.ConfirmedInIndex} (id)",
        $"create index if not exists {names.Index("confirmed_at")} on {names.ConfirmedInIndex} (confirmed_at)",
        $"""
        create table if not exists {names.Idempotence} (
          scope       text    not null,
          message_id  text    not null,
          fingerprint blob    not null,
          state       integer not null,
          at          integer not null,
          primary key (scope, message_id)) without rowid
        """,
        $"create index if not exists {names.Index("idempotence_at")} on {names.IdempotenceInIndex} (at)",
        $"insert into {names.Version} (version) select {TableNames.SchemaVersion} where not exists (select 1 from {names.Version})",
    ];

    /// <inheritdoc/>
    internal override bool IsUniqueViolation(DbException error) => HasCode(error, 19) && error.Message.Contains("UNIQUE", StringComparison.Ordinal);

    /// <inheritdoc/>
    internal override bool IsLockConflict(DbException error) => HasCode(error, 5) || HasCode(error, 6);

    /// <inheritdoc/>
    internal override bool IsMissingTable(DbException error)
        => HasCode(error, 1) && error.Message.Contains("no such table", StringComparison.Ordinal);

    // SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH
    /// <inheritdoc/>
    internal override bool IsRefusal(DbException error) => HasCode(error, 18) || HasCode(error, 19) || HasCode(error, 20);

    /// <inheritdoc/>
    private protected override string QuoteValid(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    // The driver's own property for the code cannot be named here; its text is: SQLite Error 5: 'database is locked'.
    private static bool HasCode(DbException error, int code) => error.Message.StartsWith($"SQLite Error {code}:", StringComparison.Ordinal);
}
