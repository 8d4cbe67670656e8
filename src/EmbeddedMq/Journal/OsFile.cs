using Microsoft.Win32.SafeHandles;

namespace EmbeddedMq.Journal;

/// <summary>An open file of the real file system.</summary>
/// <remarks>Disposing while somebody reads is safe: the handle closes after the last call that is under way; later calls throw
/// <see cref="ObjectDisposedException"/>.</remarks>
/// <param name="handle">The handle, owned from now on.</param>
/// <param name="direct">What writes past the cache, owned from now on; <see langword="null"/>: nothing does.</param>
internal sealed class OsFile(SafeFileHandle handle, DirectWriter? direct = null) : IJournalFile
{
    /// <inheritdoc/>
    public long Length => RandomAccess.GetLength(handle);

    /// <inheritdoc/>
    public int Read(Span<byte> buffer, long offset)
    {
        int total = 0;
        while (total < buffer.Length)
        {
            int read = RandomAccess.Read(handle, buffer[total..], offset + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> buffer, long offset, bool isSyncedNext)
    {
        if (!isSyncedNext || direct is null || !direct.TryWrite(buffer, offset))
        {
            RandomAccess.Write(handle, buffer, offset);
        }
    }

    /// <inheritdoc/>
    public void Allocate(long length)
    {
        // In a 32-bit process the call takes other arguments; there, as where the file system cannot, the room is taken as it is written.
        if (OperatingSystem.IsLinux() && Environment.Is64BitProcess)
        {
            LibC.Allocate(handle, length);
        }

        RandomAccess.SetLength(handle, length);
    }

    /// <inheritdoc/>
    public void SyncData()
    {
        // fdatasync leaves the time of the last write to be written some other day: half the cost of fsync in a file of fixed length.
        if (OperatingSystem.IsLinux())
        {
            LibC.SyncData(handle);
        }
        else
        {
            RandomAccess.FlushToDisk(handle);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        handle.Dispose();
        direct?.Dispose();
    }
}
