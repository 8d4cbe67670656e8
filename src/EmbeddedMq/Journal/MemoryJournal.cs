namespace EmbeddedMq.Journal;

/// <summary>The journal of a broker that keeps nothing: the same broker, without a disk.</summary>
/// <remarks>Thread-safe, and holds no state but whether it is closed.</remarks>
internal sealed class MemoryJournal : IJournal
{
    private readonly MemoryLog _log = new();
    private volatile bool _isClosed;

    /// <inheritdoc/>
    public event Action<JournalState, JournalException?>? StateChanged;

    /// <inheritdoc/>
    public bool IsDurable => false;

    /// <inheritdoc/>
    public IAppendLog Hot => _log;

    /// <inheritdoc/>
    public IAppendLog Cold => _log;

    /// <inheritdoc/>
    public JournalState State => _isClosed ? JournalState.Closed : JournalState.Open;

    /// <inheritdoc/>
    public JournalException? Failure => null;

    /// <inheritdoc/>
    public JournalRecovery Recovery { get; } = new() { IsNew = true };

    /// <inheritdoc/>
    public CheckpointPoint Checkpoint => default;

    /// <inheritdoc/>
    public ValueTask SaveCheckpointAsync(CheckpointPoint point, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask ReopenAsync(CancellationToken cancellationToken = default)
        => throw new InvalidOperationException("A journal in memory never fails, so there is nothing to open anew.");

    /// <inheritdoc/>
    public void MarkCleanStop()
    {
        // Nothing outlives the process, so nobody will ask.
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        if (!_isClosed)
        {
            _isClosed = true;
            StateChanged?.Invoke(JournalState.Closed, null);
        }

        return ValueTask.CompletedTask;
    }

    private sealed class MemoryLog : IAppendLog
    {
        public int MaxRecordBytes => int.MaxValue;

        public long BeginAddress => JournalAddress.None;

        public long TailAddress => JournalAddress.None;

        public long WrittenUntil => JournalAddress.None;

        public long SyncedUntil => JournalAddress.None;

        public long LostFrom => JournalAddress.None;

        public long ResumedAt => JournalAddress.None;

        public long UncommittedBytes => 0;

        public bool HasRoom => true;

        public IReadOnlyList<SegmentInfo> Segments => [];

        public long Append<T>(byte kind, in T body)
            where T : IRecordBody, allows ref struct
            => JournalAddress.None;

        public void WhenCommitted(CommitWaiter waiter) => waiter.Complete(null);

        public ValueTask FlushAsync(Durability durability, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask WaitForRoomAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public StoredRecord Read(long address)
            => throw new InvalidOperationException($"A journal in memory holds no record at address {address}.");

        public IRecordReader ReadForward(long from, long until) => NoRecords.Instance;

        public void ReleaseBefore(long address)
        {
            // There is nothing to release.
        }

        public void ReleaseSegment(long id)
        {
            // There is nothing to release.
        }

        public long SegmentBytes => 0;

        public long SegmentOf(long address) => 0;
    }

    private sealed class NoRecords : IRecordReader
    {
        public static readonly NoRecords Instance = new();

        public bool TryRead(out RecordView record)
        {
            record = default;
            return false;
        }

        public void Dispose()
        {
            // Shared and without resources.
        }
    }
}
