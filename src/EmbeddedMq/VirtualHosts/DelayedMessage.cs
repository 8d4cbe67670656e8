using EmbeddedMq.Exchanges;
using EmbeddedMq.Messages;
using EmbeddedMq.Threading;

namespace EmbeddedMq.VirtualHosts;

/// <summary>A message that a delayed exchange holds until it is due.</summary>
/// <param name="exchange">The delayed exchange.</param>
/// <param name="sourceExchange">The exchange that it was published to, which deliveries show.</param>
/// <param name="routingKey">Its routing key.</param>
/// <param name="message">The message.</param>
/// <param name="storedAt">Its id in the journal; 0: it is not stored.</param>
/// <param name="virtualHost">The virtual host, which routes it when it is due.</param>
internal sealed class DelayedMessage(DelayedExchange exchange, string sourceExchange, string routingKey, Message message, ulong storedAt, VirtualHost virtualHost) : ScheduledWork
{
    // Bookkeeping for a message that is held: this object and its appointment.
    private const int OverheadBytes = 160;

    /// <summary>The delayed exchange.</summary>
    internal DelayedExchange Exchange { get; } = exchange;

    /// <summary>The message and where it is stored.</summary>
    internal QueuedMessage Entry { get; } = new(message, sourceExchange, routingKey) { StoredAt = storedAt };

    /// <summary>What it counts for in the memory ledger.</summary>
    internal long MemoryBytes => OverheadBytes + Entry.Message.Body.Length;

    /// <inheritdoc/>
    internal override void Run() => virtualHost.RouteDelayed(this);
}
