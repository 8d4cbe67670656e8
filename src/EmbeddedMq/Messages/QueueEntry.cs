using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Messages;

/// <summary>One message in one queue: its place, its state and what the queue must remember of it.</summary>
/// <remarks>
/// The message itself is shared with other queues. All that changes is guarded by the queue's gate, but for one step: whoever removes an
/// acquired entry from the unsettled deliveries is its only holder and hands it back to the queue.
/// </remarks>
internal sealed class QueueEntry : QueuedMessage
{
    /// <summary>Bookkeeping for a message in a queue, in bytes: this object, its slot in a list, the message, and the head of its body's array.</summary>
    /// <remarks>Measured: so much a message takes beside its body in a queue of many. A message in several queues counts in each.</remarks>
    internal const int OverheadBytes = 208;

    /// <summary>The entry does not expire.</summary>
    internal const long NoExpiry = long.MaxValue;

    private const ushort RedeliveredBit = 1 << 15;

    private volatile EntryState _state;
    private ushort _marks; // written under the queue's gate: the index in the block, and the bit above
    private StoredBlock? _block;

    /// <summary>Makes an entry that waits.</summary>
    /// <param name="message">The message.</param>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <param name="owner">The queue.</param>
    internal QueueEntry(Message message, string exchange, string routingKey, IEntryOwner owner)
        : base(message, exchange, routingKey) => Owner = owner;

    /// <summary>The queue.</summary>
    internal IEntryOwner Owner { get; }

    /// <summary>Its position: grows with every message that enters the queue.</summary>
    internal ulong Sequence { get; set; }

    /// <summary>When it expires, in milliseconds of the broker's clock, or <see cref="NoExpiry"/>.</summary>
    internal long ExpiresAtMs { get; set; } = NoExpiry;

    /// <summary>The block of the cold log that holds it, or <see langword="null"/>: the journal holds it, if anything does.</summary>
    /// <remarks>Whoever settles an entry without the queue's gate marks it as settled first, has a full fence, and reads this then: see
    /// <see cref="MoveToBlock"/>.</remarks>
    internal override StoredBlock? Block => Volatile.Read(ref _block);

    /// <inheritdoc/>
    internal override int BlockIndex => _marks & (StoredBlock.MaxCount - 1);

    /// <summary>How many deliveries of it failed.</summary>
    internal int FailedDeliveries { get; set; }

    /// <summary>Its level in a queue with priorities, 0 to the queue's highest.</summary>
    internal byte Priority { get; set; }

    /// <summary>Whether it was handed over before.</summary>
    internal bool Redelivered
    {
        get => (_marks & RedeliveredBit) != 0;
        set => _marks = (ushort)(value ? _marks | RedeliveredBit : _marks & ~RedeliveredBit);
    }

    /// <summary>Where it stands.</summary>
    internal EntryState State => _state;

    /// <summary>Bytes of its body, as length limits count them.</summary>
    internal int BodyBytes => Message.CountedBytes;

    /// <summary>What it counts for in the memory ledger.</summary>
    internal long MemoryBytes
        => OverheadBytes + Message.CountedBytes + (Message.Properties.Headers is { Count: > 0 } headers ? HeaderSize.InMemory(headers) : 0);

    /// <summary>Says that a block of the cold log holds it from here on. Under the queue's gate, or before anybody else knows the entry.</summary>
    /// <param name="block">The block.</param>
    /// <param name="index">Its index there.</param>
    /// <returns><see langword="false"/> when it has been settled beside this, or a record says that it has left its place, perhaps by its old place
    /// only: then the caller settles it in the block, where settling it twice does no harm.</returns>
    internal bool MoveToBlock(StoredBlock block, int index)
    {
        _marks = (ushort)((_marks & RedeliveredBit) | index);
        Volatile.Write(ref _block, block);

        // Whoever settles it writes the state, or that it has left, and reads the block after that; here it is the other way round. One of the two
        // sees the other.
        Interlocked.MemoryBarrier();
        return _state != EntryState.Settled && !HasLeft;
    }

    /// <summary>Moves it on. Every transition but the lawful ones throws, in release builds too: a message would be lost or doubled.</summary>
    /// <param name="from">Where it must stand.</param>
    /// <param name="to">Where it goes.</param>
    internal void Move(EntryState from, EntryState to)
    {
        if (_state != from)
        {
            ThrowUnlawful(from, to);
        }

        _state = to;
    }

    // Out of the way of the lawful ones: what makes the text would lie in the frame of whoever moves an entry, and be cleared each time.
    [DoesNotReturn]
    private void ThrowUnlawful(EntryState from, EntryState to) => throw new InvalidOperationException(
        $"A message of queue '{Owner.Name}' (sequence {Sequence}) is {_state} and was to go from {from} to {to}. This is a defect of the broker.");
}
