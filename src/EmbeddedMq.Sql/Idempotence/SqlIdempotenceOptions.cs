using System.Data;

namespace EmbeddedMq;

/// <summary>How <see cref="SqlIdempotenceStore"/> keeps what it remembers. Not thread-safe; read once, when the store is made.</summary>
public sealed class SqlIdempotenceOptions : SqlStoreOptions
{
    /// <summary>How long a processed message is remembered: a duplicate that comes later takes effect again. Default 7 days; zero: without limit.</summary>
    public TimeSpan RetentionTime { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many messages are remembered, the youngest: beyond it the oldest go before their time. Default 1,000,000; 0: without limit.
    /// Counted once a minute, so there may be more in between.</summary>
    public long RetentionCount { get; set; } = 1_000_000;

    /// <summary>The isolation of the transaction in which a message is handled. Default read committed. SQLite knows one only.</summary>
    public IsolationLevel Isolation { get; set; } = IsolationLevel.ReadCommitted;

    /// <summary>How long a claim waits for a lock before it says <see cref="ClaimOutcome.Busy"/>: for another process that handles the same message; with
    /// SQLite for whoever writes. 1 millisecond to 1 hour. Default 2 s. MariaDB and MySQL wait whole seconds.</summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>An outbox in the same database, which takes what handlers send: it is stored in the transaction of the message being handled, and sent
    /// once that has committed. Default <see langword="null"/>: what handlers send is published before the commit, and again if that fails.</summary>
    public SqlOutboxStore? Outbox { get; set; }
}
