using System.Collections.Concurrent;
using System.Globalization;
using FASTER.core;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Where FASTER keeps receipts that do not fit into memory: a file for each segment.</summary>
/// <remarks>
/// <para>A page that cannot be written, because the disk is full or fails, stays in memory until it can: FASTER waits for its pages, and whoever puts the next
/// receipt would wait with it, for ever. They are few: without room on the disk the journal takes nothing that brings receipts.</para>
/// <para>Thread-safe. Pages are written on the thread pool, because FASTER asks for that where nobody may block; what is read is a few hundred bytes, and
/// its reader waits for them anyway.</para>
/// </remarks>
/// <param name="files">The file system.</param>
/// <param name="path">The files, but for the segment's number.</param>
internal sealed unsafe class ReceiptDevice(IJournalFiles files, string path) : StorageDeviceBase(path, SectorBytes, capacity: -1)
{
    private const int SectorBytes = 512;

    private readonly ConcurrentDictionary<int, IJournalFile> _files = new();
    private readonly ConcurrentDictionary<(int Segment, long Offset), byte[]> _unwritten = new();
    private readonly Lock _gate = new(); // of making and deleting files
    private long _failedReads;

    /// <summary>How many reads have failed: what was asked for may be there all the same.</summary>
    internal long FailedReads => Volatile.Read(ref _failedReads);

    /// <summary>Why the last of them has.</summary>
    internal Exception? ReadError { get; private set; }

    /// <inheritdoc/>
    public override void WriteAsync(
        IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
        => ThreadPool.UnsafeQueueUserWorkItem(
            static write =>
            {
                write.Device.Write(write.Segment, write.Offset, new ReadOnlySpan<byte>((void*)write.Source, write.Length));
                write.Callback(0, (uint)write.Length, write.Context);
            },
            (Device: this, Source: sourceAddress, Segment: segmentId, Offset: (long)destinationAddress, Length: (int)numBytesToWrite, Callback: callback, Context: context),
            preferLocal: false);

    /// <inheritdoc/>
    public override void ReadAsync(
        int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
    {
        Read(segmentId, (long)sourceAddress, new Span<byte>((void*)destinationAddress, (int)readLength));
        callback(0, readLength, context);
    }

    /// <inheritdoc/>
    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        foreach ((int Segment, long Offset) page in _unwritten.Keys.Where(page => page.Segment == segment))
        {
            _unwritten.TryRemove(page, out _);
        }

        lock (_gate)
        {
            if (_files.TryRemove(segment, out IJournalFile? file))
            {
                file.Dispose();
                TryDelete(PathOf(segment));
            }
        }

        callback(result);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (IJournalFile file in _files.Values)
        {
            file.Dispose();
        }
    }

    private void Write(int segment, long offset, ReadOnlySpan<byte> page)
    {
        if (!TryWrite(segment, offset, page))
        {
            _unwritten[(segment, offset)] = page.ToArray();
            return;
        }

        foreach (((int Segment, long Offset) place, byte[] waiting) in _unwritten)
        {
            if (!TryWrite(place.Segment, place.Offset, waiting))
            {
                return;
            }

            _unwritten.TryRemove(place, out _);
        }
    }

    private bool TryWrite(int segment, long offset, ReadOnlySpan<byte> page)
    {
        try
        {
            Open(segment).Write(page, offset);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return false;
        }
    }

    // Zeros are no receipt.
    private void Read(int segment, long offset, Span<byte> into)
    {
        into.Clear();
        foreach (((int Segment, long Offset) place, byte[] page) in _unwritten)
        {
            if (place.Segment == segment && place.Offset <= offset && offset + into.Length <= place.Offset + page.Length)
            {
                page.AsSpan((int)(offset - place.Offset), into.Length).CopyTo(into);
                return;
            }
        }

        try
        {
            if (_files.TryGetValue(segment, out IJournalFile? file))
            {
                file.Read(into, offset);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            ReadError = error;
            Interlocked.Increment(ref _failedReads);
        }
        catch (ObjectDisposedException)
        {
            // Given up beside this.
        }
    }

    private IJournalFile Open(int segment)
    {
        if (_files.TryGetValue(segment, out IJournalFile? file))
        {
            return file;
        }

        lock (_gate)
        {
            return _files.GetOrAdd(segment, static (segment, device) => device.Make(segment), this);
        }
    }

    private IJournalFile Make(int segment) => files.Open(PathOf(segment), create: true);

    private string PathOf(int segment) => string.Create(CultureInfo.InvariantCulture, $"{FileName}.{segment}");

    private void TryDelete(string path)
    {
        try
        {
            files.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It goes with its directory.
        }
    }
}
