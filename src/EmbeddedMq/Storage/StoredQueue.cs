using System.Collections.Concurrent;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>What the store keeps of one durable queue, or of one durable delayed exchange: its id, and what is to be written of its messages next.</summary>
/// <remarks>Thread-safe. Its gate is a leaf: nothing is taken under it.</remarks>
/// <param name="id">Its id, which is never given again.</param>
/// <param name="store">The store.</param>
internal sealed class StoredQueue(uint id, MessageStore store)
{
    private readonly Lock _gate = new();
    private PendingSettles _pending = new(); // guarded by _gate
    private ConcurrentDictionary<ulong, long>? _expiries; // of messages that came in later than they were stored, by id: when they expire. Made with the first
    private volatile bool _isDeleted;
    private int _isTouched;

    /// <summary>Its id in records.</summary>
    internal uint Id => id;

    /// <summary>Who is between naming places of messages and settling them there.</summary>
    internal NamedPlaces Named => store.Named;

    /// <summary>Whether somebody may have received messages of it since the store was opened. Written once, before the first delivery.</summary>
    internal bool IsTouched => Volatile.Read(ref _isTouched) != 0;

    /// <summary>Every message with a lower id counts as handed over before: the broker did not stop in order when it had them. Set at a restart.</summary>
    internal ulong RedeliveredBelow { get; set; }

    /// <summary>Whether nobody knows any more what this was: a queue, or an exchange that holds messages until they are due. Of a salvaged store. What it left in
    /// the journal does not expire: when a message was due it would be gone.</summary>
    internal bool IsNameless { get; set; }

    /// <summary>Notes that somebody is about to receive messages: after a crash all of them count as delivered before.</summary>
    internal void Touch()
    {
        if (Interlocked.Exchange(ref _isTouched, 1) == 0)
        {
            store.NoteTouched(this);
        }
    }

    /// <summary>Notes that a message has left the queue for good. The next commit carries it; nobody waits for that.</summary>
    /// <param name="entry">The message, stored, and settled in its queue.</param>
    internal void Settle(QueuedMessage entry)
    {
        StoredBlock? block = store.Release(entry);
        ForgetExpiry(entry.StoredAt);
        if (_isDeleted || !entry.Message.Properties.IsPersistent)
        {
            return; // of a queue that is gone, or of a message that no restart brings back, there is nothing to say
        }

        int before;
        int count;
        lock (_gate)
        {
            before = _pending.Count;
            _pending.Settle(entry, block);
            count = _pending.Count;
        }

        store.NotePending(this, before, count);
    }

    /// <summary>Whether a settled message is on disk, also where it is given its place there just now, after a failure.</summary>
    /// <param name="entry">The message. Whoever asks has said before that it is settled, with a fence in between.</param>
    internal bool IsPlaced(QueuedMessage entry) => store.IsPlaced(entry);

    /// <summary>Notes how often the delivery of a message has failed, and that it was delivered.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="failedDeliveries">How often, as it counts after a crash.</param>
    internal void Mark(QueuedMessage entry, int failedDeliveries)
    {
        if (!entry.IsStored || _isDeleted || !entry.Message.Properties.IsPersistent)
        {
            return;
        }

        if (entry.Block is { } block)
        {
            store.Blocks.Mark(block, entry.BlockIndex, failedDeliveries);
        }

        int before;
        int count;
        lock (_gate)
        {
            before = _pending.Count;
            _pending.Marks.Add((entry, failedDeliveries));
            count = _pending.Count;
        }

        store.NotePending(this, before, count);
    }

    /// <summary>Notes when a message expires that has waited for room: its record would have its time count from when it was stored.</summary>
    /// <param name="entry">The message, which nobody has received yet.</param>
    /// <param name="expiresUtcMs">When, in milliseconds since 1970.</param>
    internal void NoteExpiry(QueuedMessage entry, long expiresUtcMs)
    {
        if (!entry.IsStored || _isDeleted || !entry.Message.Properties.IsPersistent)
        {
            return;
        }

        RestoreExpiry(entry.StoredAt, expiresUtcMs);
        int before;
        int count;
        lock (_gate)
        {
            before = _pending.Count;
            _pending.Expiries.Add((entry.StoredAt, expiresUtcMs));
            count = _pending.Count;
        }

        store.NotePending(this, before, count);
    }

    /// <summary>Takes up what <see cref="NoteExpiry"/> has noted.</summary>
    /// <param name="id">The message.</param>
    /// <param name="expiresUtcMs">When it expires, in milliseconds since 1970.</param>
    internal void RestoreExpiry(ulong id, long expiresUtcMs)
        => LazyInitializer.EnsureInitialized(ref _expiries, static () => new ConcurrentDictionary<ulong, long>())[id] = expiresUtcMs;

    /// <summary>When a message of the journal expires, if that is not what its record says.</summary>
    /// <param name="id">The message.</param>
    internal long? FindExpiry(ulong id) => Volatile.Read(ref _expiries) is { } expiries && expiries.TryGetValue(id, out long expiresUtcMs) ? expiresUtcMs : null;

    /// <summary>Forgets when a message expires: it has left, or what holds it now says so itself.</summary>
    /// <param name="id">The message.</param>
    internal void ForgetExpiry(ulong id) => Volatile.Read(ref _expiries)?.TryRemove(id, out _);

    /// <summary>Notes that the queue is deleted: nothing is to be written of its messages any more.</summary>
    internal void Close()
    {
        _isDeleted = true;
        TakePending();
    }

    /// <summary>Notes that messages have left the queue without having been in memory: it was purged.</summary>
    /// <param name="storedAt">Their ids.</param>
    internal void Settle(IReadOnlyList<ulong> storedAt)
    {
        foreach (ulong id in storedAt)
        {
            ForgetExpiry(id);
        }

        int before;
        int count;
        lock (_gate)
        {
            before = _pending.Count;
            _pending.Settled.AddRange(storedAt);
            count = _pending.Count;
        }

        store.NotePending(this, before, count);
    }

    /// <summary>Notes that messages of a block have left the queue without having been in memory, or before the block took their place.</summary>
    /// <param name="block">The block.</param>
    /// <param name="indexes">Their indexes.</param>
    internal void Settle(StoredBlock block, IEnumerable<int> indexes)
    {
        int before;
        int count;
        lock (_gate)
        {
            before = _pending.Count;
            foreach (int index in indexes)
            {
                _pending.Settle(block, index);
            }

            count = _pending.Count;
        }

        store.NotePending(this, before, count);
    }

    /// <summary>Whether it has been deleted.</summary>
    internal bool IsDeleted => _isDeleted;

    /// <summary>Whether the journal takes a message of ordinary size at once. Asked before each that is appended under the queue's gate: while that waits
    /// for the disk, so does everybody who wants the queue.</summary>
    internal bool HasRoom => store.Journal.Hot.HasRoom;

    /// <summary>Appends a message to the journal once more, because it is not there. Under the queue's gate.</summary>
    /// <param name="entry">The message, ready or handed over; it may be settled beside this.</param>
    /// <param name="ttlMs">How long it may stay from now on, in milliseconds, or <see cref="QueueRef.NoTtl"/>.</param>
    /// <returns><see langword="false"/> when the journal has failed.</returns>
    internal bool StoreAgain(QueueEntry entry, long ttlMs)
    {
        ForgetExpiry(entry.StoredAt);
        ulong id = store.AppendAgain(entry, new QueueRef(Id, ttlMs));
        if (id == 0)
        {
            return false;
        }

        if (!store.TryMove(entry, id))
        {
            Settle([id]); // it was settled by its old id, or by none while it had none: this one must not bring it back
            return true;
        }

        if (entry.Redelivered || entry.State == EntryState.Acquired)
        {
            Mark(entry, entry.FailedDeliveries);
        }

        return true;
    }

    /// <summary>Appends a message once more whose death is noted, because it is not in the journal. Under the queue's gate; nobody has begun to carry the
    /// death out, and so nobody settles it beside this.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="ttlMs">How long it may stay from now on, if a restart brings it back, in milliseconds, or <see cref="QueueRef.NoTtl"/>.</param>
    /// <returns><see langword="false"/> when the journal has failed.</returns>
    internal bool TryStoreDeadAgain(QueueEntry entry, long ttlMs)
    {
        ulong id = store.AppendAgain(entry, new QueueRef(Id, ttlMs));
        if (id == 0)
        {
            return false;
        }

        ulong old = entry.StoredAt;
        entry.StoredAt = id;
        if (old != 0)
        {
            store.Release(old);
        }

        return true;
    }

    /// <summary>Moves a message to the end of the journal, in one record. Under the queue's gate; nobody settles it beside this.</summary>
    /// <param name="entry">The message, which waits for room in the queue.</param>
    /// <param name="ttlMs">How long it may stay once it is there, in milliseconds, or <see cref="QueueRef.NoTtl"/>.</param>
    /// <returns><see langword="false"/> when the journal has failed.</returns>
    internal bool TryStoreLater(QueueEntry entry, long ttlMs)
    {
        ulong id = store.AppendTransfer(new StoredSource(this, entry), entry.Exchange, entry.RoutingKey, entry.Message, [new QueueRef(Id, ttlMs)]);
        if (id == 0)
        {
            return false;
        }

        entry.StoredAt = id;
        entry.HasLeft = false; // it left one place of the journal for another
        return true;
    }

    /// <summary>Takes what is to be written.</summary>
    /// <returns>It, or <see langword="null"/> when there is nothing.</returns>
    internal PendingSettles? TakePending()
    {
        lock (_gate)
        {
            if (_pending.Count == 0)
            {
                return null;
            }

            PendingSettles taken = _pending;
            _pending = new PendingSettles();
            return taken;
        }
    }
}
