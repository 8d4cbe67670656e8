namespace EmbeddedMq;

/// <summary>How <see cref="RedisIdempotenceStore"/> keeps what it remembers. Not thread-safe; read once, when the store is made.</summary>
public sealed class RedisIdempotenceOptions
{
    /// <summary>What the store's keys begin with. Default <c>embeddedmq:idempotence:</c>. In a Redis Cluster each key is on its own, so any prefix will do.</summary>
    public string KeyPrefix { get; set; } = "embeddedmq:idempotence:";

    /// <summary>How long a processed message is remembered: a duplicate that comes later takes effect again. More than zero. Default 7 days.</summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Which of the server's databases. Default -1: the connection's own.</summary>
    public int Database { get; set; } = -1;

    /// <summary>Works on a server that drops keys when its memory is full, and with them what was remembered. Default no.</summary>
    public bool AllowEviction { get; set; }
}
