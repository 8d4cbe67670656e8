using System.Collections.Concurrent;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>A store on disk.</summary>
/// <remarks>
/// <para>One thread per store does everything that touches the disk, except reading records: it takes who waits, writes, syncs once for all
/// of them, and answers. There is no timer: what is appended during one sync shares the next.</para>
/// <para>A failed write or sync is final for the opening: afterwards nothing is known of what the disk has, so everybody who waits is failed
/// and nobody is answered until <see cref="ReopenAsync"/> has found out.</para>
/// </remarks>
internal sealed class FasterJournal : IJournal
{
    // So much of the manifest's room for segments is left to consuming and evacuating, and to openings, each of which begins a segment.
    private const double SegmentReserve = 1.0 / 16;

    private readonly JournalOptions _options;
    private readonly IJournalFiles _files;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _signal = new(initialState: false);
    private readonly ConcurrentQueue<Action> _work = new();
    private readonly ConcurrentQueue<(FasterAppendLog Log, IReadOnlyList<long> Segments)> _releases = new();
    private readonly SpaceGuard _space;

    // The journal thread's: segments whose files go when a manifest no longer mentions them, also if that takes several tries.
    private readonly List<long> _hotDropped = [];
    private readonly List<long> _coldDropped = [];

    private int _isAwake;
    private volatile bool _isStopping;
    private volatile bool _isCleanStop;
    private volatile bool _isGone;
    private volatile JournalState _state = JournalState.Open;
    private volatile JournalException? _failure;

    // The journal thread's.
    private uint _storeTag;
    private uint _incarnation;
    private IDisposable? _lock;
    private ManifestFile? _manifest;
    private SpareMaker? _spares;
    private FasterAppendLog _hot = null!;
    private FasterAppendLog _cold = null!;

    // Read anywhere, replaced by the journal's thread: a struct would be torn.
    private volatile Boxed<CheckpointPoint> _checkpoint = new(default);

    private FasterJournal(JournalOptions options, IJournalFiles files, TimeProvider time)
    {
        _options = options;
        _files = files;
        _time = time;
        _space = new SpaceGuard(options, files, time)
        {
            StateOfStore = () => _state,
            SetState = SetState,
            CheckLater = () =>
            {
                _work.Enqueue(_space!.Check);
                Wake();
            },
            IsManifestFull = () => _hot!.Files.Count + _cold!.Files.Count > _manifest!.MostSegments * (1 - SegmentReserve),
            DropSpares = () => _hot!.Files.DropSpares() | _cold!.Files.DropSpares(),
        };
    }

    /// <inheritdoc/>
    public event Action<JournalState, JournalException?>? StateChanged;

    /// <inheritdoc/>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public IAppendLog Hot => _hot;

    /// <inheritdoc/>
    public IAppendLog Cold => _cold;

    /// <inheritdoc/>
    public JournalState State => _state;

    /// <inheritdoc/>
    public JournalException? Failure => _failure;

    /// <inheritdoc/>
    public JournalRecovery Recovery { get; private set; } = new();

    /// <inheritdoc/>
    public CheckpointPoint Checkpoint => _checkpoint.Value;

    /// <summary>Opens a store, or makes a new one in an empty directory.</summary>
    /// <param name="options">Where, and how.</param>
    /// <param name="files">The file system.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="JournalException">It cannot be opened: in use, damaged, made with other sizes, or the file system refuses.</exception>
    public static async Task<FasterJournal> OpenAsync(JournalOptions options, IJournalFiles files, TimeProvider time)
    {
        FasterJournal journal = new(options, files, time);
        new Thread(journal.Run) { IsBackground = true, Name = "EmbeddedMq journal" }.Start();
        await journal._opened.Task.ConfigureAwait(false);
        return journal;
    }

    /// <inheritdoc/>
    public ValueTask SaveCheckpointAsync(CheckpointPoint point, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(point.Owner.Length, CheckpointPoint.MaxOwnerBytes);
        CheckpointPoint copy = point with { Owner = point.Owner.ToArray() };
        return OnThread(() => SaveCheckpoint(copy), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask ReopenAsync(CancellationToken cancellationToken = default)
        => _state == JournalState.Failed
            ? OnThread(Reopen, cancellationToken)
            : throw new InvalidOperationException($"The journal of '{_options.Directory}' is {_state}; only one that has failed is opened anew.");

    /// <inheritdoc/>
    public void MarkCleanStop() => _isCleanStop = true;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _isStopping = true;
        Wake();
        return new ValueTask(_closed.Task);
    }

    private ValueTask OnThread(Action action, CancellationToken cancellationToken)
    {
        TaskCompletionSource completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Enqueue(() =>
        {
            try
            {
                if (_isGone)
                {
                    throw MqErrors.JournalClosed(_options.Directory);
                }

                action();
                completion.TrySetResult();
            }
            catch (JournalException error)
            {
                completion.TrySetException(error);
            }
            catch (Exception error)
            {
                completion.TrySetException(error);
                throw; // stops the store
            }
        });
        Wake();
        return new ValueTask(completion.Task.WaitAsync(cancellationToken));
    }

    private void Wake()
    {
        if (_isGone)
        {
            RejectLate();
        }
        else if (Volatile.Read(ref _isAwake) == 0 && Interlocked.Exchange(ref _isAwake, 1) == 0)
        {
            _signal.Set();
        }
    }

    private void Run()
    {
        try
        {
            Open();
        }
        catch (JournalException error)
        {
            Abandon();
            _opened.TrySetException(error);
            return;
        }
#pragma warning disable CA1031 // nothing may end the process from here; the one who opens is told
        catch (Exception error)
#pragma warning restore CA1031
        {
            Abandon();
            _opened.TrySetException(MqErrors.JournalBroken(_options.Directory, error.Message, error));
            return;
        }

        _opened.TrySetResult();
        while (!_isStopping)
        {
            _signal.Wait();
            _signal.Reset();
            Volatile.Write(ref _isAwake, 0);
            Interlocked.MemoryBarrier(); // what was added before somebody saw us awake is seen below
            Guarded(Turn);
        }

        Guarded(Finish);
        Close();
    }

    /// <summary>Whatever goes wrong on the journal's thread stops the store, loudly, and not the process.</summary>
    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (JournalException error)
        {
            Fail(error);
        }
#pragma warning disable CA1031 // see above
        catch (Exception error)
#pragma warning restore CA1031
        {
            Fail(MqErrors.JournalBroken(_options.Directory, error.Message, error));
        }
    }

    private void Turn()
    {
        if (_state is JournalState.Failed)
        {
            FailWaiters(_failure!);
        }
        else
        {
            _hot.WritePages();
            _cold.WritePages();
            CommitOne(_hot);
            CommitOne(_cold);
            ReleaseSegments();
        }

        while (_work.TryDequeue(out Action? work))
        {
            work();
        }
    }

    private static void CommitOne(FasterAppendLog log)
    {
        if (log.HasWaiters && log.Commit(always: false))
        {
            log.Sync();
        }
    }

    private void Open()
    {
        try
        {
            _files.CreateDirectory(_options.Directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FindFileInPlaceOf(_options.Directory) is { } file
                ? MqErrors.NotADirectory(_options.Directory, file, error)
                : MqErrors.FileFailed("make", _options.Directory, error);
        }

        TakeLock();
        StoreOpening opening = new(_options, _files);
        try
        {
            opening.Run();
        }
        catch
        {
            opening.Abandon();
            throw;
        }

        _storeTag = opening.Content.StoreTag;
        _checkpoint = new Boxed<CheckpointPoint>(opening.Content.Checkpoint);
        _incarnation = Math.Max(opening.Content.Incarnation, Math.Max(opening.Hot.LastIncarnation, opening.Cold.LastIncarnation));
        Recovery = opening.Recovery;
        _manifest = opening.Manifest;
        _spares = _options.MakesSpares ? new SpareMaker(_files, opening.HotFiles, _options, _time) : null;
        _hot = NewLog(opening.HotFiles, _spares);
        _cold = NewLog(opening.ColdFiles, spares: null); // nobody waits for its syncs
        BeginLogs(opening.Hot, opening.Cold, isReopened: false);
        foreach (string path in opening.Garbage)
        {
            DeleteQuietly(path);
        }

        _space.Check();
    }

    private FasterAppendLog NewLog(SegmentFiles files, SpareMaker? spares)
        => new(files, _options, _time, Wake, _ => SegmentCreated())
        {
            Spares = spares,
            Released = (log, segments) =>
            {
                _releases.Enqueue((log, segments));
                Wake();
            },
            MakeRoom = _space.MakeRoom,
        };

    private void TakeLock()
    {
        string path = Path.Combine(_options.Directory, StoreOpening.LockName);
        try
        {
            _lock = _files.TryLock(path, out int holder) ?? throw MqErrors.StoreInUse(_options.Directory, holder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("lock", path, error);
        }
    }

    // Of the directory itself, or of one that it is in.
    private string? FindFileInPlaceOf(string directory)
    {
        string? path = directory;
        while (path is not null && !_files.Exists(path))
        {
            path = Path.GetDirectoryName(path);
        }

        return path;
    }

    private void BeginLogs(RecoveredLog hot, RecoveredLog cold, bool isReopened)
    {
        _incarnation++;
        _hot.Begin(_incarnation, FirstFree(_hot, hot, isReopened), hot.LastLsn, hot.End, isReopened);
        _cold.Begin(_incarnation, FirstFree(_cold, cold, isReopened), cold.LastLsn, cold.End, isReopened);
        _manifest ??= ManifestFile.Create(_files, _options.Directory, _options.ManifestSlotBytes, Describe(isClean: false));

        // Proves, before anybody is told that the store is open, that it can be written.
        _hot.AppendIncarnation();
        _hot.Commit(always: true);
        _hot.Sync();
        WriteManifest();
    }

    // What went with a failure may have had addresses in segments that were not made yet. They are still names of something in memory, and so are
    // not given again.
    private static long FirstFree(FasterAppendLog log, RecoveredLog recovered, bool isReopened)
        => isReopened ? Math.Max(recovered.NextSegment, log.SegmentOf(log.TailAddress) + 1) : recovered.NextSegment;

    private void SegmentCreated()
    {
        WriteManifest();
        _space.Check();
    }

    private void SaveCheckpoint(CheckpointPoint point)
    {
        if (_failure is { } failure && _state == JournalState.Failed)
        {
            throw failure;
        }

        try
        {
            // Cold first: a checkpoint may forget hot records that were copied there.
            _cold.Commit(always: true);
            _cold.Sync();
            _hot.Commit(always: true);
            _hot.Sync();
            Boxed<CheckpointPoint> previous = _checkpoint;
            _checkpoint = new Boxed<CheckpointPoint>(point);
            try
            {
                WriteManifest();
            }
            catch (JournalException)
            {
                _checkpoint = previous;
                throw;
            }
        }
        catch (JournalException error)
        {
            Fail(error);
            throw;
        }

        _space.Check();
    }

    private void ReleaseSegments()
    {
        if (_releases.IsEmpty)
        {
            return;
        }

        while (_releases.TryDequeue(out (FasterAppendLog Log, IReadOnlyList<long> Segments) release))
        {
            (release.Log == _hot ? _hotDropped : _coldDropped).AddRange(release.Log.Files.Remove(release.Segments));
        }

        // Only when no manifest mentions them may the files go: a store with a segment missing is not opened.
        WriteManifest();
        RecycleDropped();
        _space.Check();
    }

    private void RecycleDropped()
    {
        _hot.Files.Recycle(_hotDropped);
        _cold.Files.Recycle(_coldDropped);
        _hotDropped.Clear();
        _coldDropped.Clear();
    }

    private void Reopen()
    {
        if (_state != JournalState.Failed)
        {
            return; // somebody else was faster
        }

        try
        {
            RecoveredLog hot = Rescan(_hot, _hotDropped);
            RecoveredLog cold = Rescan(_cold, _coldDropped);
            BeginLogs(hot, cold, isReopened: true);
            RecycleDropped();
        }
        catch (Exception error)
        {
            // Whatever it was: logs that have begun would take records that nobody writes.
            JournalException failure = error as JournalException ?? MqErrors.JournalBroken(_options.Directory, error.Message, error);
            _failure = failure;
            StopLogs(failure);
            throw failure;
        }

        SetState(JournalState.Open, null);
        _space.Check();
    }

    private static RecoveredLog Rescan(FasterAppendLog log, List<long> dropped)
    {
        // Handles that have seen an error are not asked again.
        log.Files.Dispose();
        LogState known = Describe(log);
        return RecoveredLog.Recover(log.Files, known, known.SyncedUntil, known.SyncedLsn + 1, salvage: false, [], dropped);
    }

    private void Fail(JournalException error)
    {
        if (_state is JournalState.Failed or JournalState.Closed)
        {
            return;
        }

        _hot.Stop(error);
        _cold.Stop(error);
        SetState(JournalState.Failed, error); // before anybody is told: who is told may look, and reopen
        FailWaiters(error);
        Wake(); // for the work that was behind what failed
    }

    private void StopLogs(JournalException reason)
    {
        _hot?.Stop(reason);
        _cold?.Stop(reason);
        FailWaiters(reason);
    }

    private void FailWaiters(JournalException reason)
    {
        _hot?.FailWaiters(reason);
        _cold?.FailWaiters(reason);
    }

    private void Finish()
    {
        Turn();
        if (_state == JournalState.Failed)
        {
            return;
        }

        bool syncCold = _cold.Commit(always: true);
        bool syncHot = _hot.Commit(always: true);
        if (syncCold || _isCleanStop)
        {
            _cold.Sync();
        }

        if (syncHot || _isCleanStop)
        {
            _hot.Sync();
        }

        if (_isCleanStop)
        {
            WriteManifest(isClean: true);
        }
    }

    private void Close()
    {
        JournalException closed = MqErrors.JournalClosed(_options.Directory);
        StopLogs(closed);
        _isGone = true;
        RejectLate();
        SetState(JournalState.Closed, null); // before whoever disposes is told
        Abandon();
    }

    private void Abandon()
    {
        _isGone = true;
        _space.Dispose();
        StopLogs(MqErrors.JournalClosed(_options.Directory));
        _spares?.Dispose(); // while the store is locked
        _hot?.Files.Dispose();
        _cold?.Files.Dispose();
        _manifest?.Dispose();
        _lock?.Dispose();
        _closed.TrySetResult();
    }

    /// <summary>Answers who comes after the end. On any thread: what is taken is taken once.</summary>
    private void RejectLate()
    {
        JournalException closed = MqErrors.JournalClosed(_options.Directory);
        FailWaiters(closed);
        while (_work.TryDequeue(out Action? work))
        {
            work();
        }
    }

    private void WriteManifest(bool isClean = false) => _manifest!.Write(Describe(isClean));

    private ManifestContent Describe(bool isClean) => new()
    {
        StoreTag = _storeTag,
        Incarnation = _incarnation,
        IsClean = isClean,
        Checkpoint = _checkpoint.Value,
        Hot = Describe(_hot),
        Cold = Describe(_cold),
    };

    private static LogState Describe(FasterAppendLog log) => new()
    {
        PageBytes = log.Files.Identity.Sizes.PageBytes,
        SegmentBytes = log.Files.Identity.Sizes.SegmentBytes,
        SyncedUntil = log.SyncedUntil,
        SyncedLsn = log.SyncedLsn,
        NextSegment = log.NextSegment,
        Segments = log.Files.Snapshot(),
    };

    private void SetState(JournalState state, JournalException? failure)
    {
        if (_state == state)
        {
            return;
        }

        _failure = failure;
        _state = state;
        try
        {
            StateChanged?.Invoke(state, failure);
        }
#pragma warning disable CA1031 // breaks its contract; the store must not suffer for it
        catch (Exception)
#pragma warning restore CA1031
        {
            // There is nobody else to tell.
        }
    }

    private void DeleteQuietly(string path)
    {
        try
        {
            _files.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Costs room only: no manifest mentions it, so the next opening tries again.
        }
    }

    private sealed record Boxed<T>(T Value);
}
