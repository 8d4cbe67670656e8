using System.Buffers;
using System.Runtime.InteropServices;
using EmbeddedMq.Journal;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Tests.Storage;

/// <summary>Bodies so long that with the ends of pages they take more of a log than an <see cref="int"/> counts.</summary>
public sealed class LongBodyTests
{
    private const long SegmentBytes = 64L << 20;
    private const int LongestBody = 2_147_483_591; // of BrokerLimits.MaxMessageBytes

    [Fact]
    public void Block_WithTheLongestBody_ClaimsEachSegmentOfItsPieces()
    {
        LongLog log = new();
        SegmentLedger live = new(log);
        using LongBody body = new();
        BlockAppender appender = new(log);
        appender.Begin(queueId: 1, level: 0);
        StoredMessage message = new(Message.TakeOwnership(body.Memory, MessageProperties.Persistent), "", "q");
        Assert.True(appender.TryAdd(new BlockEntry(new StoredId(64, 0), BlockEntry.NoExpiry, 0, Redelivered: false, IsTransient: false), message, int.MaxValue));

        new ColdBlocks(live, log).Add(appender.Append(isTransient: false));

        Assert.Equal(2_048, log.PieceCount);
        Assert.All(Enumerable.Range(1, (int)log.SegmentOf(log.TailAddress - 1)), segment => Assert.True(live.LiveIn(segment) > 0, $"Segment {segment} would be released."));
    }

    [Fact]
    public void Block_LongerThanAnInt_IsKeptAsItIs()
    {
        BlockDescriptor block = new(5L << 30, 3L << 30, 1, new StoredId(64, 0), new StoredId(64, 0), LongestBody);
        RecordBuffer buffer = new();
        block.Write(buffer);
        ByteReader reader = new(buffer.Span);

        Assert.Equal(block, BlockDescriptor.Read(ref reader));
    }

    // Nothing of it is there: only its length is asked for.
    private sealed class LongBody : MemoryManager<byte>
    {
        private byte _first;

        public override Memory<byte> Memory => CreateMemory(LongestBody);

        public override Span<byte> GetSpan() => MemoryMarshal.CreateSpan(ref _first, LongestBody);

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    /// <summary>Counts what is appended, a page for three pieces, and keeps nothing.</summary>
    private sealed class LongLog : IAppendLog, IJournal
    {
        private const int PageBytes = 4 << 20;

        public event Action<JournalState, JournalException?>? StateChanged
        {
            add { }
            remove { }
        }

        public int PieceCount { get; private set; }

        public long TailAddress { get; private set; } = SegmentBytes;

        public int MaxRecordBytes => PageBytes - 64;

        public IAppendLog Cold => this;

        long IAppendLog.SegmentBytes => SegmentBytes;

        public IAppendLog Hot => throw new NotSupportedException();

        public bool IsDurable => throw new NotSupportedException();

        public JournalState State => throw new NotSupportedException();

        public JournalException? Failure => throw new NotSupportedException();

        public JournalRecovery Recovery => throw new NotSupportedException();

        public CheckpointPoint Checkpoint => throw new NotSupportedException();

        public long BeginAddress => throw new NotSupportedException();

        public long WrittenUntil => throw new NotSupportedException();

        public long SyncedUntil => throw new NotSupportedException();

        public long LostFrom => throw new NotSupportedException();

        public long ResumedAt => throw new NotSupportedException();

        public long UncommittedBytes => throw new NotSupportedException();

        public bool HasRoom => throw new NotSupportedException();

        public IReadOnlyList<SegmentInfo> Segments => throw new NotSupportedException();

        public long Append<T>(byte kind, in T body)
            where T : IRecordBody, allows ref struct
        {
            PieceCount += kind == (byte)RecordKind.BodyChunk ? 1 : 0;
            long address = TailAddress;
            TailAddress += PageBytes / 3;
            return address;
        }

        public long SegmentOf(long address) => address / SegmentBytes;

        public void WhenCommitted(CommitWaiter waiter) => throw new NotSupportedException();

        public ValueTask FlushAsync(Durability durability, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask WaitForRoomAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public StoredRecord Read(long address) => throw new NotSupportedException();

        public IRecordReader ReadForward(long from, long until) => throw new NotSupportedException();

        public void ReleaseBefore(long address) => throw new NotSupportedException();

        public void ReleaseSegment(long id) => throw new NotSupportedException();

        public ValueTask SaveCheckpointAsync(CheckpointPoint point, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask ReopenAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void MarkCleanStop() => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
