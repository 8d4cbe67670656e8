using System.Globalization;
using EmbeddedMq.Journal;

namespace EmbeddedMq.TestSupport.Journal;

/// <summary>A file system in memory that fails when it is told to, and forgets as a disk may when the power goes.</summary>
/// <remarks>
/// <para>Contents are kept twice: as programs see them, and as the disk has them. A sync carries the blocks of 512 bytes that were written
/// since over to the disk; when the power goes, any of the others may be there or not, each for itself, and of what happened to the
/// directory any beginning. A failed sync loses the blocks as Linux does: programs go on seeing them, the disk never gets them, and the
/// next sync succeeds.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed partial class FaultyFiles : IJournalFiles
{
    private const int IoError = 5;   // EIO
    private const int DiskFull = 28; // ENOSPC

    private readonly Lock _gate = new();
    private readonly Random _random;
    private readonly List<string> _log = [];

    // Names as programs see them, and as the disk has them; between the two, what has not been synced.
    private readonly Dictionary<string, Inode> _names = [];
    private readonly Dictionary<string, Inode> _diskNames = [];
    private readonly List<Action<Dictionary<string, Inode>>> _unsyncedNames = [];
    private readonly HashSet<string> _locks = [];
    private readonly HashSet<string> _directories = [];
    private int _generation;

    /// <summary>Makes an empty file system.</summary>
    /// <param name="seed">What a power cut leaves follows from it.</param>
    public FaultyFiles(int seed) => _random = new Random(seed);

    /// <summary>What a failing operation does.</summary>
    internal enum Fault
    {
        /// <summary>An error of the disk.</summary>
        Io,

        /// <summary>A full disk.</summary>
        Full,

        /// <summary>A write that stops in the middle; for anything else an error of the disk.</summary>
        Short,
    }

    /// <summary>How many operations there have been that can fail.</summary>
    public int Operations { get; private set; }

    /// <summary>The number of the operation that fails; 0 for none.</summary>
    public int FailAt { get; set; }

    /// <summary>Whether all later operations fail too.</summary>
    public bool FailForEver { get; set; }

    /// <summary>Whether all reading fails.</summary>
    public bool FailReads { get; set; }

    /// <summary>The beginning of the names of files whose syncs all fail; <see langword="null"/>: none.</summary>
    public string? FailSyncsOf { get; set; }

    /// <summary>Whether programs, too, see no more of what a failed sync lost: the system had no room to keep it, or does not keep such pages.</summary>
    public bool ForgetsWhatFailed { get; set; }

    /// <summary>Called with the path before each write to a file, outside all gates: a disk is as slow as this.</summary>
    public Action<string> BeforeWrite { get; set; } = static _ => { };

    /// <summary>How it fails.</summary>
    public Fault FailWith { get; set; }

    /// <summary>How many files this process has open.</summary>
    public int OpenHandles { get; private set; }

    /// <summary>Whether this process has a lock.</summary>
    public bool IsLocked
    {
        get
        {
            lock (_gate)
            {
                return _locks.Count > 0;
            }
        }
    }

    /// <summary>Whether an operation has failed.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>The bytes that files may be allocated in all.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>The operations so far, for a failure's message.</summary>
    public string Log => string.Join(Environment.NewLine, _log.Where(line => !line.Contains(": read ", StringComparison.Ordinal)).TakeLast(90));

    /// <summary>The names of the files that are there.</summary>
    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_gate)
            {
                return [.. _names.Keys.Order(StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>The length of a file.</summary>
    public int LengthOf(string path)
    {
        lock (_gate)
        {
            return _names[path].Seen.Length;
        }
    }

    /// <summary>A copy of a file's bytes.</summary>
    public byte[] Peek(string path)
    {
        lock (_gate)
        {
            return [.. _names[path].Seen];
        }
    }

    /// <summary>Changes a file behind everybody's back, durably.</summary>
    public void Poke(string path, Func<byte[], byte[]> change)
    {
        lock (_gate)
        {
            Inode inode = _names[path];
            inode.Seen = change(inode.Seen);
            inode.OnDisk = [.. inode.Seen];
            inode.Dirty.Clear();
        }
    }

    /// <summary>Removes, adds or renames behind everybody's back, durably.</summary>
    public void Move(string from, string? to)
    {
        lock (_gate)
        {
            if (_names.Remove(from, out Inode? inode) && to is not null)
            {
                _names[to] = inode;
            }

            SyncNames();
        }
    }

    /// <summary>Has the so-manieth operation from now on fail: one that another thread carries out beside this counts, too, or was before.</summary>
    /// <param name="operation">Which; 1 is the next one.</param>
    public void FailIn(int operation)
    {
        lock (_gate)
        {
            FailAt = Operations + operation;
        }
    }

    /// <summary>The process ends: its locks and handles are gone, what it wrote is not.</summary>
    public void KillProcess()
    {
        lock (_gate)
        {
            _generation++;
            OpenHandles = 0;
            _locks.Clear();
            Disarm();
        }
    }

    /// <summary>The power goes: the process ends, and of what was not synced anything may be there.</summary>
    public void CutPower()
    {
        lock (_gate)
        {
            KillProcess();
            int survive = _random.Next(_unsyncedNames.Count + 1);
            foreach (Action<Dictionary<string, Inode>> change in _unsyncedNames.Take(survive))
            {
                change(_diskNames);
            }

            _unsyncedNames.Clear();
            _names.Clear();
            foreach ((string name, Inode inode) in _diskNames)
            {
                _names.Add(name, inode);
            }

            // How much of what was written gets through differs from cut to cut: at times nearly all, at times nearly nothing.
            double share = _random.NextDouble();
            foreach (Inode inode in _names.Values.Distinct())
            {
                inode.CutPower(_random, share);
            }
        }
    }

    /// <summary>A copy of everything, for another experiment.</summary>
    /// <param name="seed">The copy's seed.</param>
    public FaultyFiles Copy(int seed)
    {
        lock (_gate)
        {
            FaultyFiles copy = new(seed);
            foreach ((string name, Inode inode) in _names)
            {
                Inode twin = new() { Seen = [.. inode.Seen], OnDisk = [.. inode.Seen] };
                copy._names.Add(name, twin);
                copy._diskNames.Add(name, twin);
            }

            return copy;
        }
    }

    /// <inheritdoc/>
    public void CreateDirectory(string directory)
    {
        lock (_gate)
        {
            Operation("mkdir", directory);
            _directories.Add(directory);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string directory)
    {
        lock (_gate)
        {
            Operation("list", directory);
            string prefix = directory + Path.DirectorySeparatorChar;
            return [.. _names.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]).Order(StringComparer.Ordinal)];
        }
    }

    /// <inheritdoc/>
    public bool Exists(string path)
    {
        lock (_gate)
        {
            return _names.ContainsKey(path);
        }
    }

    /// <inheritdoc/>
    public IJournalFile Open(string path, bool create)
    {
        lock (_gate)
        {
            Operation(create ? "create" : "open", path);
            if (!create)
            {
                return new Handle(this, Find(path), path, _generation);
            }

            if (_names.ContainsKey(path))
            {
                throw new IOException($"The file '{path}' already exists.", 17);
            }

            Inode inode = new();
            ChangeNames(names => names[path] = inode);
            return new Handle(this, inode, path, _generation);
        }
    }

    /// <inheritdoc/>
    public IJournalFile OpenToOverwrite(string path) => Open(path, create: false);

    /// <inheritdoc/>
    public IJournalFile OpenRead(string path)
    {
        lock (_gate)
        {
            Operation("open for reading", path);
            return new Handle(this, Find(path), path, _generation);
        }
    }

    /// <inheritdoc/>
    public void Delete(string path)
    {
        lock (_gate)
        {
            Operation("delete", path);
            if (_names.ContainsKey(path))
            {
                ChangeNames(names => names.Remove(path));
            }
        }
    }

    /// <inheritdoc/>
    public void Rename(string from, string to)
    {
        lock (_gate)
        {
            Operation("rename", $"{from} to {to}");
            Inode inode = Find(from);
            if (_names.ContainsKey(to))
            {
                throw new IOException($"The file '{to}' already exists.", 17);
            }

            ChangeNames(names =>
            {
                names.Remove(from);
                names[to] = inode;
            });
        }
    }

    /// <inheritdoc/>
    public void SyncDirectory(string directory)
    {
        lock (_gate)
        {
            Operation("sync directory", directory);
            SyncNames();
        }
    }

    /// <inheritdoc/>
    public long GetFreeBytes(string directory)
    {
        lock (_gate)
        {
            return Math.Max(0, Capacity - UsedBytes());
        }
    }

    /// <inheritdoc/>
    public IDisposable? TryLock(string path, out int holder)
    {
        lock (_gate)
        {
            Operation("lock", path);
            holder = Environment.ProcessId;
            return _locks.Add(path) ? new Unlock(this, path, _generation) : null;
        }
    }

    private void NoteOpened(int change, int generation)
    {
        lock (_gate)
        {
            OpenHandles += generation == _generation ? change : 0;
        }
    }

    private long UsedBytes() => _names.Values.Distinct().Sum(inode => (long)inode.Seen.Length);

    private Inode Find(string path)
        => _names.TryGetValue(path, out Inode? inode) ? inode : throw new FileNotFoundException($"Could not find file '{path}'.", path);

    private void ChangeNames(Action<Dictionary<string, Inode>> change)
    {
        change(_names);
        _unsyncedNames.Add(change);
    }

    private void SyncNames()
    {
        _unsyncedNames.Clear();
        _diskNames.Clear();
        foreach ((string name, Inode inode) in _names)
        {
            _diskNames.Add(name, inode);
        }
    }

    private void Disarm()
    {
        FailAt = 0;
        FailForEver = false;
    }

    /// <summary>Counts an operation, and fails if it is its turn.</summary>
    /// <returns>Whether a write is to stop in the middle.</returns>
    private bool Operation(string what, string path, bool canBeShort = false)
    {
        Operations++;
        _log.Add(string.Create(CultureInfo.InvariantCulture, $"{Operations}: {what} {Path.GetFileName(path)}"));
        bool mayFail = FailAt != 0 && (Operations == FailAt || (Operations > FailAt && FailForEver));
        mayFail |= (FailReads && what == "read")
            || (what == "sync" && FailSyncsOf is not null && Path.GetFileName(path).StartsWith(FailSyncsOf, StringComparison.Ordinal));
        if (!mayFail)
        {
            return false;
        }

        HasFailed = true;
        _log[^1] += " FAILS";
        if (FailWith == Fault.Short && canBeShort)
        {
            return true;
        }

        throw FailWith == Fault.Full ? new IOException($"No space left on device : '{path}'", DiskFull) : new IOException($"Input/output error : '{path}'", IoError);
    }
}
