using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EmbeddedMq.Journal;

/// <summary>Writes to a file past the operating system's cache.</summary>
/// <remarks>
/// <para>What is synced at once gains nothing by being copied into the cache first. Over a stretch that was written before, a sync of up to 64 KB
/// takes two thirds of the time without the copy, and one of a megabyte two thirds of the time and a third of the processor's.</para>
/// <para>The bytes of the last block may be written to by others meanwhile: it is copied before, so that a file system that checks what it
/// reads finds what it was given. Those before it must stand still.</para>
/// <para>Linux only. For one thread at a time.</para>
/// </remarks>
internal sealed unsafe class DirectWriter : IDisposable
{
    /// <summary>What position, length and memory must be a multiple of. No disk in use has larger blocks.</summary>
    public const int BlockBytes = 4096;

    private readonly SafeFileHandle _file;
    private byte* _lastBlock;

    private DirectWriter(SafeFileHandle file)
    {
        _file = file;
        _lastBlock = (byte*)NativeMemory.AlignedAlloc(BlockBytes, BlockBytes);
    }

    /// <summary>Opens a file that is there.</summary>
    /// <param name="path">Its path.</param>
    /// <returns><see langword="null"/> where the system or the file system has no such thing.</returns>
    public static DirectWriter? TryOpen(string path)
    {
        if (!LibC.CanBypassCache)
        {
            return null;
        }

        SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        if (LibC.TryBypassCache(file))
        {
            return new DirectWriter(file);
        }

        file.Dispose();
        return null;
    }

    /// <summary>Writes all bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="offset">The position in the file.</param>
    /// <returns>False: they, their place in memory or their position are no whole blocks, or the disk has larger ones. Then they are to be
    /// written in the ordinary way; some of them may have been written here.</returns>
    /// <exception cref="IOException">It failed; <see cref="Exception.HResult"/> is the error number.</exception>
    public bool TryWrite(ReadOnlySpan<byte> bytes, long offset)
    {
        ObjectDisposedException.ThrowIf(_lastBlock is null, this);
        fixed (byte* source = bytes)
        {
            if (bytes.IsEmpty || bytes.Length % BlockBytes != 0 || offset % BlockBytes != 0 || (nint)source % BlockBytes != 0)
            {
                return false;
            }

            long beforeLast = bytes.Length - BlockBytes;
            bytes[(int)beforeLast..].CopyTo(new Span<byte>(_lastBlock, BlockBytes));
            for (long written = 0; written < bytes.Length;)
            {
                Span<LibC.Stretch> stretches =
                [
                    new((nint)source + (nint)written, (nint)(beforeLast - written)),
                    new((nint)_lastBlock, BlockBytes),
                ];
                long count = LibC.TryWrite(_file, written < beforeLast ? stretches : stretches[1..], offset + written);
                if (count <= 0 || count % BlockBytes != 0)
                {
                    return false;
                }

                written += count;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        NativeMemory.AlignedFree(_lastBlock);
        _lastBlock = null;
    }
}
