namespace EmbeddedMq.Journal.Faster;

/// <summary>Makes the file of a log's next segment ahead of it, written with zeros and synced.</summary>
/// <remarks>
/// <para>Room that was only taken from the disk is marked as unwritten, and each sync of a stretch that was written first has the file system sync its own
/// journal besides, which takes as long again. A file that was written before, be it with zeros, is synced as fast as that of a released segment.</para>
/// <para>Only under load: when a quarter of a segment is full soon after the segment was made, and there is no spare. Then a thread of its own writes one,
/// and ends. A spare is never necessary: whatever goes wrong here, the next segment is made without.</para>
/// <para>For the journal's thread.</para>
/// </remarks>
/// <param name="files">The file system.</param>
/// <param name="log">The log's files.</param>
/// <param name="options">How much space there has to be.</param>
/// <param name="time">The clock.</param>
internal sealed class SpareMaker(IJournalFiles files, SegmentFiles log, JournalOptions options, TimeProvider time) : IDisposable
{
    // In pieces that are synced one by one, so that the log's own syncs, on the same disk, wait for a piece at most.
    private const int PieceBytes = 1 << 20;

    // A log that is slower than this, 1.6 MB a second with the usual segments, has no use for it.
    private static readonly TimeSpan LongestQuarter = TimeSpan.FromSeconds(10);

    private readonly LogIdentity _identity = log.Identity;
    private Thread? _thread;
    private long _createdAt;
    private bool _isDecided = true;
    private volatile bool _isStopping;

    /// <summary>Starts a thread; a test's may fail.</summary>
    public Action<Thread> Start { get; init; } = static thread => thread.Start();

    /// <summary>Notes that a segment has been made.</summary>
    public void NoteCreated()
    {
        _createdAt = time.GetTimestamp();
        _isDecided = false;
    }

    /// <summary>Notes that something has been written, and begins to make a spare when it is time.</summary>
    /// <param name="id">The segment.</param>
    /// <param name="end">How far it is full, in bytes.</param>
    public void NoteWritten(long id, long end)
    {
        if (_isDecided || end < _identity.Sizes.SegmentBytes / 4)
        {
            return;
        }

        _isDecided = true;
        if (!log.HasSpare && !_isStopping && time.GetElapsedTime(_createdAt) <= LongestQuarter && _thread is not { IsAlive: true })
        {
            Thread thread = new(() => Make(id)) { IsBackground = true, Name = "EmbeddedMq spare segment" };
            try
            {
                Start(thread);
                _thread = thread;
            }
#pragma warning disable CA1031 // the process may have no memory or no threads left; the store goes on without
            catch (Exception)
#pragma warning restore CA1031
            {
                _thread = null;
            }
        }
    }

    /// <summary>Waits until the spare that is being made, if any, is there or given up.</summary>
    public void Join() => _thread?.Join();

    /// <summary>Gives up what is being made, and makes nothing any more.</summary>
    public void Dispose()
    {
        _isStopping = true;
        Join();
    }

    private void Make(long id)
    {
        string path = _identity.UnfinishedPathOf(id);
        bool isMade = false;
        try
        {
            isMade = HasSpace() && TryWrite(path);
            if (isMade)
            {
                string spare = _identity.ZerosPathOf(id);
                files.Rename(path, spare);
                log.AddSpare(spare);
            }
        }
#pragma warning disable CA1031 // nothing may end the process from here, and nobody depends on it
        catch (Exception)
#pragma warning restore CA1031
        {
            isMade = false;
        }

        if (!isMade)
        {
            DeleteQuietly(path);
        }
    }

    // Where this would bring the disk near its watermark, publishers would have to wait for it.
    private bool HasSpace() => files.GetFreeBytes(_identity.Directory) >= options.FreeSpaceWatermarkBytes + (2 * _identity.Sizes.SegmentBytes);

    private bool TryWrite(string path)
    {
        long length = _identity.Sizes.SegmentBytes;
        using IJournalFile file = files.Open(path, create: true);
        file.Allocate(length); // whole, so that it lies in few pieces on the disk
        byte[] zeros = new byte[Math.Min(PieceBytes, length)];
        for (long offset = 0; offset < length; offset += zeros.Length)
        {
            if (_isStopping)
            {
                return false;
            }

            file.Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, length - offset)), offset);
            file.SyncData();
        }

        return true;
    }

    private void DeleteQuietly(string path)
    {
        try
        {
            files.Delete(path);
        }
#pragma warning disable CA1031 // as above
        catch (Exception)
#pragma warning restore CA1031
        {
            // The next opening tries again: by its name it is nothing.
        }
    }
}
