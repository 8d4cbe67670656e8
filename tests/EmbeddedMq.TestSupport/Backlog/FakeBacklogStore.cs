using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using Xunit;

namespace EmbeddedMq.TestSupport;

/// <summary>The disk of queues that hold more than memory does, in memory: it keeps what is put away under its id, and is strict about what it is asked.</summary>
/// <remarks>Thread-safe. It keeps every record until it is told that it is settled or has moved; a read of anything else fails as a damaged file does.</remarks>
internal sealed class FakeBacklogStore : IBacklogStore, IEvacuationTarget
{
    private readonly Dictionary<ulong, Record> _journal = [];
    private readonly Dictionary<StoredBlock, (ulong Id, Record Record)[]> _blocks = [];
    private ulong _lastId;

    /// <summary>Whether a message may go; <see langword="null"/>: every one.</summary>
    internal Func<QueueEntry, bool>? MayGo { get; set; }

    /// <summary>Thrown by reads, as long as it is set.</summary>
    internal Exception? Damage { get; set; }

    /// <summary>Called at the beginning of each read, and of each writing of a block.</summary>
    internal Action OnAccess { get; set; } = static () => { };

    /// <summary>How many reads there were, and of how many messages.</summary>
    internal (int Reads, int Messages) ReadCount { get; private set; }

    /// <summary>How many blocks queues took in, and how many they did not.</summary>
    internal (int Completed, int Abandoned) BlockCount { get; private set; }

    /// <summary>The texts of all that is not settled, sorted.</summary>
    internal IReadOnlyList<string> LiveTexts
    {
        get
        {
            lock (_journal)
            {
                return
                [
                    .. _journal.Values.Select(static record => record.Message.GetText())
                        .Concat(_blocks.SelectMany(static block => block.Value.Where((_, i) => !block.Key.IsSettled(i)).Select(static item => item.Record.Message.GetText())))
                        .Order(StringComparer.Ordinal),
                ];
            }
        }
    }

    /// <summary>The last id that was given out.</summary>
    internal ulong LastId => _lastId;

    /// <summary>Stores a message, as a publish does.</summary>
    internal void Append(QueueEntry entry)
    {
        lock (_journal)
        {
            entry.StoredAt = ++_lastId;
            _journal.Add(entry.StoredAt, Record.Of(entry));
        }
    }

    /// <summary>Stores messages that a recovery finds.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="expiresAtMs">When they expire.</param>
    /// <returns>What stands for them.</returns>
    internal AwayEntry[] Append(IEnumerable<Message> messages, long expiresAtMs = QueueEntry.NoExpiry)
    {
        lock (_journal)
        {
            return
            [
                .. messages.Select(message =>
                {
                    _journal.Add(++_lastId, new Record(message, "", "", expiresAtMs, 0, false));
                    return new AwayEntry(_lastId, message.Body.Length, AwayFlags.None);
                }),
            ];
        }
    }

    /// <summary>Stores messages that a recovery finds in a block.</summary>
    internal StoredBlock AppendBlock(IReadOnlyList<Message> messages)
    {
        StoredBlock block = new(1, 0, 0, 0, messages.Count, messages.Sum(static message => (long)message.Body.Length));
        lock (_journal)
        {
            _blocks.Add(block, [.. messages.Select(message => (++_lastId, new Record(message, "", "", QueueEntry.NoExpiry, 0, false)))]);
        }

        return block;
    }

    /// <summary>Settles a message that its queue has marked as settled, the way that <see cref="Queue.Replace"/> asks for.</summary>
    internal void Settle(QueueEntry entry)
    {
        if (entry.Block is { } block && block.Settle(entry.BlockIndex) != -1)
        {
            return;
        }

        lock (_journal)
        {
            Assert.True(entry.StoredAt == 0 || _journal.Remove(entry.StoredAt), $"Message {entry.StoredAt} is settled twice.");
        }
    }

    bool IBacklogStore.TryPutAway(QueueEntry entry, out AwayEntry away)
    {
        Assert.Null(entry.Block);
        Assert.Equal(EntryState.Ready, entry.State);
        away = default;
        if (MayGo?.Invoke(entry) == false)
        {
            return false;
        }

        lock (_journal)
        {
            if (entry.StoredAt == 0)
            {
                entry.StoredAt = ++_lastId;
            }
            else
            {
                Assert.True(_journal.ContainsKey(entry.StoredAt), $"Message {entry.StoredAt} is put away and was settled.");
            }

            _journal[entry.StoredAt] = Record.Of(entry);
        }

        away = new AwayEntry(entry.StoredAt, entry.BodyBytes, entry.Redelivered ? AwayFlags.Redelivered : AwayFlags.None);
        return true;
    }

    void IBacklogStore.Read(ReadOnlySpan<AwayEntry> run, IEntryOwner owner, List<QueueEntry> into)
    {
        BeginRead(run.Length);
        lock (_journal)
        {
            foreach (AwayEntry away in run)
            {
                if (!_journal.TryGetValue(away.StoredAt, out Record? record))
                {
                    throw new InvalidDataException($"There is no message {away.StoredAt} in the journal.");
                }

                into.Add(record.ToEntry(owner, away.StoredAt));
            }
        }
    }

    void IBacklogStore.Read(StoredBlock block, int start, int end, IEntryOwner owner, List<QueueEntry> into)
    {
        BeginRead(end - start);
        lock (_journal)
        {
            for (int i = start; i < end; i++)
            {
                if (!block.IsSettled(i))
                {
                    (ulong id, Record record) = _blocks[block][i];
                    QueueEntry entry = record.ToEntry(owner, id);
                    entry.MoveToBlock(block, i);
                    into.Add(entry);
                }
            }
        }
    }

    void IBacklogStore.Discard(ReadOnlySpan<AwayEntry> run, StoredQueue? queue)
    {
        lock (_journal)
        {
            foreach (AwayEntry away in run)
            {
                Assert.True(_journal.Remove(away.StoredAt), $"Message {away.StoredAt} is discarded and was settled.");
            }
        }
    }

    void IBacklogStore.Discard(StoredBlock block, int start, int end, StoredQueue? queue)
    {
        for (int i = start; i < end; i++)
        {
            block.Settle(i);
        }
    }

    // Tests settle by hand what they took, with Settle: they want to see it done at their time.
    void IBacklogStore.Forget(QueueEntry entry)
    {
    }

    StoredBlock IEvacuationTarget.Write(Evacuation evacuation)
    {
        OnAccess();
        lock (_journal)
        {
            (ulong, Record)[] items = new (ulong, Record)[evacuation.Count];
            for (int i = 0; i < items.Length; i++)
            {
                ulong id = evacuation.StoredAt(i);

                // Settled meanwhile, or moved with an earlier block: then the queue says that it has not moved.
                items[i] = (id, _journal.GetValueOrDefault(id) ?? new Record(Message.Text("void"), "", "", QueueEntry.NoExpiry, 0, false));
            }

            StoredBlock block = new(1, evacuation.Level, 0, 0, items.Length, items.Sum(static item => (long)item.Item2.Message.Body.Length));
            _blocks.Add(block, items);
            return block;
        }
    }

    void IEvacuationTarget.Complete(Evacuation evacuation, StoredBlock block)
    {
        lock (_journal)
        {
            BlockCount = (BlockCount.Completed + 1, BlockCount.Abandoned);
            for (int i = 0; i < evacuation.Count; i++)
            {
                Assert.True(evacuation.IsMoved(i) || block.IsSettled(i));
                if (evacuation.IsMoved(i))
                {
                    Assert.True(_journal.Remove(evacuation.StoredAt(i)), $"Message {evacuation.StoredAt(i)} has moved and was settled.");
                }
            }
        }
    }

    void IEvacuationTarget.Abandon(StoredBlock block)
    {
        lock (_journal)
        {
            BlockCount = (BlockCount.Completed, BlockCount.Abandoned + 1);
            _blocks.Remove(block);
        }
    }

    private void BeginRead(int count)
    {
        OnAccess();
        lock (_journal)
        {
            ReadCount = (ReadCount.Reads + 1, ReadCount.Messages + count);
            if (Damage is not null)
            {
                throw Damage;
            }
        }
    }

    private sealed record Record(Message Message, string Exchange, string RoutingKey, long ExpiresAtMs, int FailedDeliveries, bool Redelivered)
    {
        internal static Record Of(QueueEntry entry)
            => new(entry.Message, entry.Exchange, entry.RoutingKey, entry.ExpiresAtMs, entry.FailedDeliveries, entry.Redelivered);

        internal QueueEntry ToEntry(IEntryOwner owner, ulong id) => new(Message, Exchange, RoutingKey, owner)
        {
            StoredAt = id,
            ExpiresAtMs = ExpiresAtMs,
            FailedDeliveries = FailedDeliveries,
            Redelivered = Redelivered,
        };
    }
}
