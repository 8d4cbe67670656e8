using System.Buffers;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddedMq.Tests.Storage;

/// <summary>Where the next replay begins, and what is released before that: a checkpoint may come between any two steps of whoever appends.</summary>
public sealed class CheckpointBeginTests : IAsyncDisposable
{
    private const int ManyPiecesBytes = 200_000; // more than the log has memory for, in several segments
    private const string Directory = "/store";

    private static readonly QueueRef[] Refs = [new QueueRef(1, QueueRef.NoTtl)];

    private readonly FaultyFiles _files = new(1);
    private FasterJournal _journal = null!;
    private MessageStore _store = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task FirstNeeded_MessageInASegmentWithoutAFile_IsNotBehindIt()
    {
        await OpenAsync();
        ulong id;
        while (true)
        {
            id = _store.Append("", "q", Message.Text("alive", MessageProperties.Persistent), Refs);
            if (_journal.Hot.Segments[^1].Id < SegmentOf(id)) // nothing of it has been written yet
            {
                break;
            }

            _store.Release(id);
        }

        Assert.InRange(_store.FirstNeededAddress(), 0, new StoredId(id).Address);
    }

    [Theory]
    [InlineData(Way.Publish)]
    [InlineData(Way.Transaction)]
    [InlineData(Way.Commit)]
    public async Task FirstNeeded_BetweenThePiecesOfABodyAndItsRecord_IsNotBehindThePieces(Way way)
    {
        await OpenAsync();
        long begin = _journal.Hot.TailAddress;
        long needed = 0;
        using WatchedBody body = new(ManyPiecesBytes, () => needed = _store.FirstNeededAddress());

        ulong id = Append(way, body.Memory);

        Assert.True(SegmentOf(id) > _journal.Hot.SegmentOf(begin), "The pieces are in the segment of the record.");
        Assert.Equal(_journal.Hot.SegmentOf(begin), _journal.Hot.SegmentOf(needed));
        Assert.Equal(_journal.Hot.SegmentOf(begin), _journal.Hot.SegmentOf(_store.FirstNeededAddress()));
        _store.Release(id);
        Assert.Equal(_journal.Hot.TailAddress, _store.FirstNeededAddress());
    }

    [Theory]
    [InlineData(Way.Publish)]
    [InlineData(Way.Transaction)]
    [InlineData(Way.Commit)]
    public async Task Append_JournalFailsAndIsBackAmongThePieces_TakesNothing(Way way)
    {
        await OpenAsync();
        using WatchedBody body = new(ManyPiecesBytes, FailAndReopen);

        Assert.Equal(0ul, Append(way, body.Memory));

        Assert.Equal(JournalState.Open, _journal.State);
        Assert.Equal(_journal.Hot.TailAddress, _store.FirstNeededAddress());
    }

    // What is several records counts only with all of them.
    [Theory]
    [InlineData(Way.Transaction)]
    [InlineData(Way.Commit)]
    public async Task Append_JournalFailsAndIsBackAmongTheRecords_TakesNothing(Way way)
    {
        await OpenAsync();
        long begin = _journal.Hot.TailAddress;
        using WatchedRefs refs = new(() => _journal.Hot.TailAddress > begin, FailAndReopen);
        Message message = Message.TakeOwnership(new byte[4_000], MessageProperties.Persistent); // two to a record
        BatchMessage[] messages = [BatchMessage.Of("", "q", message, Refs), BatchMessage.Of("", "q", message, Refs), BatchMessage.Of("", "q", message, refs.Memory)];

        ulong endedAt;
        ulong[] ids = way == Way.Transaction ? _store.AppendTransaction(messages, [], out endedAt) : _store.AppendCommit(messages, [], [], out endedAt);

        Assert.True(_journal.Hot.LostFrom >= begin, "It did not fail between two of them.");
        Assert.Equal(0ul, endedAt);
        Assert.True(way == Way.Commit || ids.All(static id => id == 0));
        Assert.Equal(_journal.Hot.TailAddress, _store.FirstNeededAddress());
        await _store.FlushAsync(Token);
        using IRecordReader reader = _journal.Hot.ReadForward(begin, _journal.Hot.WrittenUntil);
        while (reader.TryRead(out RecordView record))
        {
            Assert.NotEqual(RecordKind.TransactionEnd, (RecordKind)record.Kind); // those before the failure may be there, and would count after a restart
        }
    }

    // Nothing is written any more then, but for the manifest.
    [Fact]
    public async Task Commit_AppendedWhenTheJournalHasWrittenItsLast_IsNotSafe()
    {
        await OpenAsync();
        ulong endedAt = 0;
        Task<bool>? isSafe = null;
        _files.BeforeWrite = path =>
        {
            if (isSafe is null && path.EndsWith("MANIFEST", StringComparison.Ordinal))
            {
                _store.AppendCommit([BatchMessage.Of("", "q", Message.Text("late", MessageProperties.Persistent), Refs)], [], [], out endedAt);
                isSafe = _store.IsSafeAsync(endedAt).AsTask();
            }
        };

        await _store.DisposeAsync();

        Assert.NotEqual(0ul, endedAt);
        Assert.False(await isSafe!);
    }

    // The disk is full: the segment is in memory only, and goes with the failure.
    [Fact]
    public async Task FirstNeeded_ReceiptsThatWentWithASegmentThatWasNeverMade_IsNotThereOnceTheOthersAreCopied()
    {
        await OpenAsync();
        _files.Capacity = 0;
        long first = _journal.Hot.SegmentOf(_journal.Hot.TailAddress);
        ulong endedAt;
        do
        {
            Receipt[] receipts = [new Receipt(1, 1, 1, 1_900_000_000_000 + _journal.Hot.TailAddress)]; // each takes the place of the one before
            _store.AppendCommit([], [], receipts, out endedAt);
            _store.Receipts.Add(receipts);
        }
        while (SegmentOf(endedAt) == first);
        await Assert.ThrowsAsync<JournalException>(async () => await _store.FlushAsync(Token));
        _files.Capacity = long.MaxValue;
        _store.NoteFailure();
        await _journal.ReopenAsync(Token);
        _store.NoteLost();
        Assert.Equal(first, _journal.Hot.SegmentOf(_store.FirstNeededAddress()));

        _store.Receipts.Evacuate(_journal.Hot.TailAddress, Token);

        Assert.Equal(_journal.Hot.TailAddress, _store.FirstNeededAddress());
    }

    // Whoever it has waited for has settled what the record names, and the checkpoint says so. Who has come meanwhile may not have.
    [Fact]
    public async Task Checkpoint_AcknowledgementAppendedWhileItWaits_BeginsBeforeThat()
    {
        await OpenAsync();
        StoredQueue queue = _store.TryAddQueue()!;
        QueuedMessage inABlock = new(Message.Text("m", MessageProperties.Persistent), "", "q") { StoredAt = new StoredId(_journal.Hot.TailAddress, 0).Value };
        Checkpointer checkpointer = new(_store, static () => []);
        int first = _store.Named.Enter();
        Task checkpoint = checkpointer.RunAsync(Token).AsTask();
        int second = _store.Named.Enter();
        _store.Named.Leave(first);
        int late;
        while ((late = _store.Named.Enter()) == second)
        {
            _store.Named.Leave(late);
            await Task.Yield(); // it does not wait for the second one yet
        }

        _store.AppendCommit([], [new StoredSource(queue, inABlock)], [], out ulong endedAt);
        _store.Named.Leave(second);
        await checkpoint.WaitAsync(TimeSpan.FromMinutes(1), Token);
        _store.Named.Leave(late);

        Assert.InRange(_journal.Checkpoint.HotBegin, 0, new StoredId(endedAt).Address);
    }

    private async Task OpenAsync()
    {
        _journal = await SmallStore.OpenAsync(_files, Directory);
        ReceiptRetention retention = new(TimeSpan.FromHours(1), 100);
        _store = new MessageStore(
            _journal, Durability.Synced, TimeProvider.System, NullLogger.Instance, retention, new MemoryReceiptIndex(retention.Count, retention.Time, TimeProvider.System));
    }

    private ulong Append(Way way, ReadOnlyMemory<byte> body)
    {
        Message message = Message.TakeOwnership(body, MessageProperties.Persistent);
        return way switch
        {
            Way.Publish => _store.Append("", "q", message, Refs),
            Way.Transaction => _store.AppendTransaction([BatchMessage.Of("", "q", message, Refs)], [], out _)[0],
            _ => _store.AppendCommit([BatchMessage.Of("", "q", message, Refs)], [], [], out _)[0],
        };
    }

    private void FailAndReopen()
    {
        _files.FailIn(1);
        Task<bool> failed = Task.Run(async () => await Record.ExceptionAsync(() => _journal.Hot.FlushAsync(Durability.Synced, Token).AsTask()) is not null, Token);
        Assert.True(failed.GetAwaiter().GetResult(), "The planted fault was not met.");
        Task.Run(() => _journal.ReopenAsync(Token).AsTask(), Token).GetAwaiter().GetResult();
    }

    private long SegmentOf(ulong id) => _journal.Hot.SegmentOf(new StoredId(id).Address);

    /// <summary>How a message comes into the journal.</summary>
    public enum Way
    {
        Publish,
        Transaction,
        Commit,
    }

    /// <summary>A body that calls somebody when half of it has been read, once.</summary>
    private sealed class WatchedBody(int length, Action halfRead) : MemoryManager<byte>
    {
        private readonly byte[] _bytes = new byte[length];
        private int _looks;

        public override Span<byte> GetSpan()
        {
            if (++_looks == length / 4_064 / 2)
            {
                halfRead();
            }

            return _bytes;
        }

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    /// <summary>Names of a queue that call somebody when they are looked at and it is time, once.</summary>
    private sealed class WatchedRefs(Func<bool> isTime, Action onTime) : MemoryManager<QueueRef>
    {
        private bool _isOver;

        public override Span<QueueRef> GetSpan()
        {
            if (!_isOver && isTime())
            {
                _isOver = true;
                onTime();
            }

            return Refs;
        }

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
