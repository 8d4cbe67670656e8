namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>What keeps a message from being lost or taking effect twice.</summary>
internal enum Mechanism
{
    /// <summary>An outbox in the broker's own data directory.</summary>
    EmbeddedOutbox,

    /// <summary>An outbox in a SQLite file, in the business transaction.</summary>
    SqliteOutbox,

    /// <summary>An outbox in PostgreSQL, in the business transaction.</summary>
    PostgresOutbox,

    /// <summary>An outbox in MariaDB, in the business transaction.</summary>
    MariaDbOutbox,

    /// <summary>An idempotent consumer that remembers in the broker that delivers: mark, outgoing messages and acknowledgement in one record.</summary>
    EmbeddedInbox,

    /// <summary>An idempotent consumer that remembers in a data directory beside another broker: mark and outgoing messages in one record.</summary>
    EmbeddedInboxBeside,

    /// <summary>The same, as an application has it: <c>UseEmbedded(directory)</c> for outbox and idempotence.</summary>
    EmbeddedDirectory,

    /// <summary>An idempotent consumer that remembers in a SQLite file, in the handler's transaction.</summary>
    SqliteInbox,

    /// <summary>An idempotent consumer that remembers in PostgreSQL, in the handler's transaction.</summary>
    PostgresInbox,

    /// <summary>An idempotent consumer that remembers in MariaDB, in the handler's transaction.</summary>
    MariaDbInbox,

    /// <summary>An idempotent consumer that remembers in Redis.</summary>
    RedisInbox,

    /// <summary>Delayed second confirmation: a producer that is asked about what no consumer has confirmed, and a consumer that remembers in a SQLite file.</summary>
    Checks,
}
