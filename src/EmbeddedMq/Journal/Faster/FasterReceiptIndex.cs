using System.Numerics;
using EmbeddedMq.Errors;
using FASTER.core;

namespace EmbeddedMq.Journal.Faster;

/// <summary>An index of receipts that keeps the newest in memory and the others on disk: FasterKV, as a cache of the journal.</summary>
/// <remarks>
/// <para>Memory: 64 bytes of index for six receipts or fewer, rounded to a power of two, and <see cref="UsualMemoryBytes"/> of receipts, 48 bytes each; what is older
/// is read from disk when its key comes again. A key that is new is told from the index alone, but for one in 16,384. Those that came last are found
/// before FASTER is asked (<see cref="RecentReceipts"/>).</para>
/// <para>The log is in the order of insertion, which is that of time, because a record is never changed in its place: so the oldest are given up by
/// moving the log's begin. That is done by the thousand; what is over in between is not found either, by its time.</para>
/// <para>Thread-safe: each session of FASTER has its own gate, and a key always uses the same one. Nothing of it survives: its files are deleted when it is
/// made and when it is disposed.</para>
/// </remarks>
internal sealed class FasterReceiptIndex : IReceiptIndex
{
    /// <summary>The name of its directory within a store's.</summary>
    internal const string DirectoryName = "receipts";

    /// <summary>How many bytes of receipts are in memory at most, unless a test says otherwise.</summary>
    internal const long UsualMemoryBytes = 64L << 20;

    private const int PageBits = 20;
    private const int SegmentBits = 26;
    private const int ReceiptsPerBucket = 6;
    private const int PerMark = 1_024;

    private readonly string _directory;
    private readonly long _maxCount;
    private readonly TimeSpan _retention;
    private readonly TimeProvider _time;
    private readonly ReceiptDevice _device;
    private readonly FasterKV<Key, IndexedReceipt> _store;
    private readonly RecentReceipts _recent = new();
    private readonly Session[] _sessions;
    private readonly Lock _gate = new();
    private readonly Queue<(long Address, long LastUtcMs)> _marks = new(); // ends of thousands, the oldest first; guarded by _gate
    private int _sinceMark;                                                // guarded by _gate
    private long _count;

    /// <summary>Makes an empty one.</summary>
    /// <param name="directory">A directory of its own, whose content is deleted.</param>
    /// <param name="maxCount">How many it keeps, about.</param>
    /// <param name="retention">For how long.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="files">The file system, for what is in the directory.</param>
    /// <param name="memoryBytes">How many bytes of receipts are in memory at most.</param>
    /// <exception cref="IOException">The directory cannot be used.</exception>
    internal FasterReceiptIndex(
        string directory, long maxCount, TimeSpan retention, TimeProvider timeProvider, IJournalFiles files, long memoryBytes = UsualMemoryBytes)
    {
        _directory = directory;
        _maxCount = maxCount;
        _retention = retention;
        _time = timeProvider;
        DeleteFiles();
        Directory.CreateDirectory(directory);
        _device = new ReceiptDevice(files, Path.Combine(directory, "receipts"));
        LogSettings log = new()
        {
            LogDevice = _device,
            PageSizeBits = PageBits,
            MemorySizeBits = BitOperations.Log2((ulong)memoryBytes),
            SegmentSizeBits = SegmentBits,
            MutableFraction = 0.9,
        };
        long buckets = (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(1_024, maxCount / ReceiptsPerBucket));
        _store = new FasterKV<Key, IndexedReceipt>(buckets, log, comparer: new KeyComparer());
        _sessions = [.. Enumerable.Range(0, Math.Clamp(Environment.ProcessorCount, 2, 16)).Select(_ => new Session(_store, _recent))];
    }

    /// <inheritdoc/>
    public long Count => Volatile.Read(ref _count);

    /// <inheritdoc/>
    public bool TryFind(UInt128 key, out IndexedReceipt receipt)
    {
        return (_recent.TryFind(key, out receipt) || TryRead(key, out receipt)) && receipt.AtUtcMs >= CutoffUtcMs;
    }

    /// <inheritdoc/>
    public void Put(UInt128 key, in IndexedReceipt receipt)
    {
        SessionOf(key).Upsert(key, receipt);
        lock (_gate)
        {
            _count++;
            if (++_sinceMark == PerMark)
            {
                _sinceMark = 0;
                _marks.Enqueue((_store.Log.TailAddress, receipt.AtUtcMs));
                ForgetOld_NeedsGate();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Session session in _sessions)
        {
            session.Dispose();
        }

        _store.Dispose();
        _device.Dispose();
        DeleteFiles();
    }

    private long CutoffUtcMs => (_time.GetUtcNow() - _retention).ToUnixTimeMilliseconds();

    // What cannot be read may be the very receipt: nobody may take it for one that is not there.
    private bool TryRead(UInt128 key, out IndexedReceipt receipt)
    {
        long failedBefore = _device.FailedReads;
        return SessionOf(key).TryRead(key, out receipt)
            || (_device.FailedReads != failedBefore ? throw MqErrors.FileFailed("read", _directory, _device.ReadError!) : false);
    }

    private Session SessionOf(UInt128 key) => _sessions[(int)((ulong)(key >> 64) % (uint)_sessions.Length)];

    private void ForgetOld_NeedsGate()
    {
        long cutoff = CutoffUtcMs;
        long until = 0;
        while (_marks.TryPeek(out (long Address, long LastUtcMs) oldest) && (oldest.LastUtcMs < cutoff || _count - PerMark >= _maxCount))
        {
            _marks.Dequeue();
            _count -= PerMark;
            until = oldest.Address;
        }

        if (until > 0)
        {
            _store.Log.ShiftBeginAddress(until, truncateLog: true);
        }
    }

    private void DeleteFiles()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private readonly struct Key(UInt128 value)
    {
        internal readonly ulong High = (ulong)(value >> 64);
        internal readonly ulong Low = (ulong)value;
    }

    // Keys are hashes: any bits of them will do; the others tell sessions apart.
    private sealed class KeyComparer : IFasterEqualityComparer<Key>
    {
        public long GetHashCode64(ref Key key) => (long)key.Low;

        public bool Equals(ref Key left, ref Key right) => left.High == right.High && left.Low == right.Low;
    }

    // Never in its place: the order of the log is the order of time.
    private sealed class Functions : SimpleFunctions<Key, IndexedReceipt>
    {
        public override bool ConcurrentWriter(
            ref Key key, ref IndexedReceipt input, ref IndexedReceipt src, ref IndexedReceipt dst, ref IndexedReceipt output, ref UpsertInfo upsertInfo) => false;
    }

    private sealed class Session(FasterKV<Key, IndexedReceipt> store, RecentReceipts recent) : IDisposable
    {
        private readonly Lock _gate = new();
        private readonly ClientSession<Key, IndexedReceipt, IndexedReceipt, IndexedReceipt, Empty, IFunctions<Key, IndexedReceipt, IndexedReceipt, IndexedReceipt, Empty>> _session
            = store.NewSession<IndexedReceipt, IndexedReceipt, Empty>(new Functions());

        public void Dispose() => _session.Dispose();

        internal bool TryRead(UInt128 key, out IndexedReceipt receipt)
        {
            receipt = default;
            lock (_gate)
            {
                bool found = TryRead_NeedsGate(new Key(key), ref receipt);
                if (found)
                {
                    recent.Put(key, receipt);
                }

                return found;
            }
        }

        internal void Upsert(UInt128 key, IndexedReceipt receipt)
        {
            Key stored = new(key);
            lock (_gate)
            {
                if (_session.Upsert(ref stored, ref receipt).IsPending)
                {
                    _session.CompletePending(wait: true);
                }

                recent.Put(key, receipt);
            }
        }

        private bool TryRead_NeedsGate(Key key, ref IndexedReceipt receipt)
        {
            Status status = _session.Read(ref key, ref receipt);
            if (!status.IsPending)
            {
                return status.Found;
            }

            // On disk: one at a time in this session, so that it is the one that comes.
            _session.CompletePendingWithOutputs(out CompletedOutputIterator<Key, IndexedReceipt, IndexedReceipt, IndexedReceipt, Empty> outputs, wait: true);
            using (outputs)
            {
                bool found = outputs.Next() && outputs.Current.Status.Found;
                receipt = found ? outputs.Current.Output : default;
                return found;
            }
        }
    }
}
