using EmbeddedMq.Exchanges;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.Threading;

namespace EmbeddedMq.VirtualHosts;

/// <summary>A message that a delayed exchange holds until it is due.</summary>
/// <param name="exchange">The delayed exchange.</param>
/// <param name="sourceExchange">The exchange that it was published to, which deliveries show.</param>
/// <param name="routingKey">Its routing key.</param>
/// <param name="message">The message.</param>
/// <param name="storedAt">Its id in the journal; 0: it is not stored.</param>
/// <param name="routeAtMs">When it is to be routed, in milliseconds of the broker's clock: also before it has its appointment, and once that has come.</param>
/// <param name="virtualHost">The virtual host, which routes it when it is due.</param>
internal sealed class DelayedMessage(
    DelayedExchange exchange, string sourceExchange, string routingKey, Message message, ulong storedAt, long routeAtMs, VirtualHost virtualHost) : ScheduledWork
{
    // Bookkeeping for a message that is held: this object and its appointment.
    private const int OverheadBytes = 160;

    private readonly Lock _gate = new();
    private bool _isRouting; // guarded by _gate

    /// <summary>The delayed exchange.</summary>
    internal DelayedExchange Exchange { get; } = exchange;

    /// <summary>The message and where it is stored. Where that is changes under a gate of its own.</summary>
    internal QueuedMessage Entry { get; private set; } = new(message, sourceExchange, routingKey) { StoredAt = storedAt };

    /// <summary>When it is to be routed, in milliseconds of the broker's clock.</summary>
    internal long RouteAtMs => routeAtMs;

    /// <summary>What it counts for in the memory ledger.</summary>
    internal long MemoryBytes => OverheadBytes + Entry.Message.CountedBytes + (Entry.Message.Properties.Headers is { Count: > 0 } headers ? HeaderSize.InMemory(headers) : 0);

    /// <summary>Says that its time has come: from here on it does not move.</summary>
    /// <returns><see langword="false"/> when that was said before.</returns>
    internal bool TryBeginRouting()
    {
        lock (_gate)
        {
            bool wasRouting = _isRouting;
            _isRouting = true;
            return !wasRouting;
        }
    }

    /// <summary>Appends it to the journal once more, so that its old place is needed no longer.</summary>
    /// <param name="store">The store.</param>
    /// <param name="below">It moves if its id is lower.</param>
    /// <param name="nowMs">The broker's time.</param>
    internal void Move(MessageStore store, ulong below, long nowMs)
    {
        lock (_gate)
        {
            if (_isRouting || !Entry.IsStored || Entry.StoredAt >= below)
            {
                return;
            }

            QueueRef holder = new(Exchange.Stored!.Id, Math.Max(0, RouteAtMs - nowMs));
            ulong moved = store.AppendTransfer(new StoredSource(Exchange.Stored, Entry), Entry.Exchange, Entry.RoutingKey, Entry.Message, [holder]);
            if (moved != 0)
            {
                Entry = new QueuedMessage(Entry.Message, Entry.Exchange, Entry.RoutingKey) { StoredAt = moved };
            }
        }
    }

    /// <summary>Appends it to the journal once more if a failure of the disk has taken it, or the disk had failed when it came.</summary>
    /// <param name="store">The store.</param>
    /// <param name="nowMs">The broker's time.</param>
    internal void StoreAgain(MessageStore store, long nowMs)
    {
        lock (_gate)
        {
            ulong old = Entry.StoredAt;
            if (_isRouting || store.IsKept(old))
            {
                return;
            }

            ulong id = store.AppendAgain(Entry, new QueueRef(Exchange.Stored!.Id, Math.Max(0, RouteAtMs - nowMs)));
            if (id != 0)
            {
                if (old != 0)
                {
                    store.Release(old);
                }

                Entry = new QueuedMessage(Entry.Message, Entry.Exchange, Entry.RoutingKey) { StoredAt = id };
            }
        }
    }

    /// <inheritdoc/>
    internal override void Run() => virtualHost.RouteDelayed(this);
}
