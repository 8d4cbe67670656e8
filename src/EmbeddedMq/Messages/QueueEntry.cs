namespace EmbeddedMq.Messages;

/// <summary>One message in one queue: its place, its state and what the queue must remember of it.</summary>
/// <remarks>
/// The message itself is shared with other queues. All that changes is guarded by the queue's gate, but for one step: whoever removes an
/// acquired entry from the unsettled deliveries is its only holder and hands it back to the queue.
/// </remarks>
internal sealed class QueueEntry
{
    /// <summary>Bookkeeping for a message in a queue, in bytes: this object, its slot in a list, its place among the unsettled.</summary>
    private const int OverheadBytes = 128;

    /// <summary>The entry does not expire.</summary>
    internal const long NoExpiry = long.MaxValue;

    private EntryState _state;

    /// <summary>Makes an entry that waits.</summary>
    /// <param name="message">The message.</param>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <param name="owner">The queue.</param>
    internal QueueEntry(Message message, string exchange, string routingKey, IEntryOwner owner)
    {
        Message = message;
        Exchange = exchange;
        RoutingKey = routingKey;
        Owner = owner;
    }

    /// <summary>The message.</summary>
    internal Message Message { get; }

    /// <summary>The exchange that it was published to.</summary>
    internal string Exchange { get; }

    /// <summary>The routing key of that publish.</summary>
    internal string RoutingKey { get; }

    /// <summary>The queue.</summary>
    internal IEntryOwner Owner { get; }

    /// <summary>Its position: grows with every message that enters the queue.</summary>
    internal ulong Sequence { get; set; }

    /// <summary>When it expires, in milliseconds of the broker's clock, or <see cref="NoExpiry"/>.</summary>
    internal long ExpiresAtMs { get; set; } = NoExpiry;

    /// <summary>Where it is stored: in <see cref="Block"/> its index there, else its id in the journal; 0 without a block: it is not stored.</summary>
    internal ulong StoredAt { get; set; }

    /// <summary>The block of the cold log that holds it, or <see langword="null"/>: the journal holds it, if anything does.</summary>
    internal StoredBlock? Block { get; set; }

    /// <summary>Whether it is on disk, and so must be settled there too.</summary>
    internal bool IsStored => StoredAt != 0 || Block is not null;

    /// <summary>How many deliveries of it failed.</summary>
    internal int FailedDeliveries { get; set; }

    /// <summary>Its level in a queue with priorities, 0 to the queue's highest.</summary>
    internal byte Priority { get; set; }

    /// <summary>Whether it was handed over before.</summary>
    internal bool Redelivered { get; set; }

    /// <summary>Where it stands.</summary>
    internal EntryState State => _state;

    /// <summary>Bytes of its body, as length limits count them.</summary>
    internal int BodyBytes => Message.Body.Length;

    /// <summary>What it counts for in the memory ledger.</summary>
    internal long MemoryBytes => OverheadBytes + Message.Body.Length;

    /// <summary>Moves it on. Every transition but the lawful ones throws, in release builds too: a message would be lost or doubled.</summary>
    /// <param name="from">Where it must stand.</param>
    /// <param name="to">Where it goes.</param>
    internal void Move(EntryState from, EntryState to)
    {
        if (_state != from)
        {
            throw new InvalidOperationException(
                $"A message of queue '{Owner.Name}' (sequence {Sequence}) is {_state} and was to go from {from} to {to}. This is a defect of the broker.");
        }

        _state = to;
    }
}
