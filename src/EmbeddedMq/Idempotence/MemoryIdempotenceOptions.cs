namespace EmbeddedMq;

/// <summary>How <see cref="MemoryIdempotenceStore"/> keeps what it remembers. Not thread-safe; read once, when the store is made.</summary>
public sealed class MemoryIdempotenceOptions
{
    /// <summary>How long a processed message is remembered: a duplicate that comes later takes effect again. More than zero. Default 7 days.</summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many messages of each scope are remembered, failed ones among them; beyond it the oldest are forgotten before their time, and their
    /// duplicates take effect again. 1 or more. Default 1,000,000, which take some 60 MB.</summary>
    public int MaxMessages { get; set; } = 1_000_000;

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
