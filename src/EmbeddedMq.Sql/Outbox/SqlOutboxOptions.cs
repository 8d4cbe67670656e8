namespace EmbeddedMq;

/// <summary>How <see cref="SqlOutboxStore"/> keeps messages. Not thread-safe; read once, when the store is made.</summary>
public sealed class SqlOutboxOptions : SqlStoreOptions
{
    /// <summary>How long confirmed messages are remembered, without their bodies, so that <see cref="IOutboxStore.FindAsync"/> can tell. Default 1 day;
    /// zero: they are forgotten at once. They are deleted 1,000 at a time, while messages are taken.</summary>
    public TimeSpan KeepConfirmed { get; set; } = TimeSpan.FromDays(1);
}
