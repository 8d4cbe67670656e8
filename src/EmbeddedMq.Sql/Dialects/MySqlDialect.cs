using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using EmbeddedMq.Sql.Schema;

namespace EmbeddedMq.Sql.Dialects;

/// <summary>MariaDB and MySQL, with InnoDB.</summary>
/// <remarks>Ids and keys are bytes of UTF-8: the collations that compare every character, trailing spaces too, have other names in either server.</remarks>
internal sealed class MySqlDialect : SqlDialect
{
    private const int DuplicateKey = 1062;
    private const int LockWaitTimeout = 1205;
    private const int Deadlock = 1213;
    private const int NoSuchTable = 1146;
    private const int UnknownDatabase = 1049;

    /// <inheritdoc/>
    public override string Name => "MySQL";

    /// <inheritdoc/>
    internal override string SkipLocked => " for update skip locked";

    /// <inheritdoc/>
    internal override string ForUpdate => " for update";

    /// <inheritdoc/>
    internal override string IsSame => "<=>";

    /// <inheritdoc/>
    internal override string? SelectNow => "select cast(unix_timestamp(now(3)) * 1000 as signed)";

    // Two that find no version would both write it, and one of them would fail. The lock goes with the session at the latest.
    /// <inheritdoc/>
    internal override string? LockSchema => "select get_lock('embeddedmq_schema', 60)";

    /// <inheritdoc/>
    internal override string? UnlockSchema => "select release_lock('embeddedmq_schema')";

    /// <inheritdoc/>
    internal override IReadOnlyList<string> CreateStatements(TableNames names) =>
    [
        $"create table if not exists {names.Version} (version int not null primary key) engine = innodb",
        $"""
        create table if not exists {names.Outbox} (
          seq         bigint         not null auto_increment primary key,
          id          varbinary(255) not null,
          exchange    varchar(255)   character set utf8mb4 not null,
          routing_key varchar(255)   character set utf8mb4 not null,
          mandatory   tinyint        not null,
          order_key   varbinary(255) null,
          properties  longblob       not null,
          status      tinyint        not null,
          attempts    int            not null,
          stored_at   bigint         not null,
          changed_at  bigint         not null,
          due_at      bigint         not null,
          token       binary(16)     null,
          last_error  text           character set utf8mb4 null,
          body        longblob       not null,
          unique key {names.Index("outbox_id")} (id),
          key {names.Index("outbox_due")} (due_at, seq),
          key {names.Index("outbox_order")} (order_key, seq)) engine = innodb
        """,
        $"""
        create table if not exists {names.Confirmed} (
          seq          bigint         not null primary key,
          id           varbinary(255) not null,
          exchange     varchar(255)   character set utf8mb4 not null,
          routing_key  varchar(255)   character set utf8mb4 not null,
          attempts     int            not null,
          stored_at    bigint         not null,
          confirmed_at bigint         not null,
          key {names.Index("confirmed_id")} (id),
          key {names.Index("confirmed_at")} (confirmed_at)) engine = innodb
        """,
        $"""
        create table if not exists {names.Idempotence} (
          scope       varbinary(255) not null,
          message_id  varbinary(255) not null,
          fingerprint binary(16)     not null,
          state       tinyint        not null,
          at          bigint         not null,
          primary key (scope, message_id),
          key {names.Index("idempotence_at")} (at)) engine = innodb
        """,
        $"insert into {names.Version} (version) select {TableNames.SchemaVersion} from dual where not exists (select 1 from {names.Version})",
    ];

    /// <inheritdoc/>
    internal override void AddKey(DbCommand command, string name, string? value)
        => Add(command, name, DbType.Binary, value is null ? null : Encoding.UTF8.GetBytes(value));

    /// <inheritdoc/>
    internal override string ReadKey(DbDataReader reader, int column) => Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(column));

    // Whole seconds, at least one.
    /// <inheritdoc/>
    internal override string LimitLockWait(TimeSpan limit)
        => string.Create(CultureInfo.InvariantCulture, $"set session innodb_lock_wait_timeout = {Math.Max(1, (long)Math.Ceiling(limit.TotalSeconds))}; ");

    /// <inheritdoc/>
    internal override string UnlimitLockWait => "; set session innodb_lock_wait_timeout = default";

    /// <inheritdoc/>
    internal override string InsertUnlessThere(string insert) => insert;

    /// <inheritdoc/>
    internal override string DeleteLowest(string table, string keys, string condition, string order, int max)
        => $"delete from {table} where {condition} order by {order} limit {max}";

    /// <inheritdoc/>
    internal override bool IsUniqueViolation(DbException error) => NumberOf(error) == DuplicateKey;

    /// <inheritdoc/>
    internal override bool IsLockConflict(DbException error) => NumberOf(error) is LockWaitTimeout or Deadlock;

    /// <inheritdoc/>
    internal override bool IsMissingTable(DbException error) => NumberOf(error) is NoSuchTable or UnknownDatabase;

    // Cardinality, data, integrity constraint, check option, SIGNAL of a trigger.
    /// <inheritdoc/>
    internal override bool IsRefusal(DbException error) => error.SqlState?[..2] is "21" or "22" or "23" or "44" or "45";

    /// <inheritdoc/>
    private protected override string QuoteValid(string identifier) => $"`{identifier.Replace("`", "``", StringComparison.Ordinal)}`";

    // Both drivers give the server's number to whoever does not know their types.
    private static int NumberOf(DbException error)
        => error.Data["Server Error Code"] is { } number ? Convert.ToInt32(number, CultureInfo.InvariantCulture) : 0;
}
