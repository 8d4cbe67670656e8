using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace EmbeddedMq.Journal;

/// <summary>What a journal needs of the operating system and .NET does not offer.</summary>
internal static partial class LibC
{
    private const int Interrupted = 4;            // EINTR
    private const int InvalidArgument = 22;       // EINVAL
    private const int NotSupported = 95;          // EOPNOTSUPP on Linux
    private const int NotImplemented = 38;        // ENOSYS on Linux
    private const int GetFlags = 3;               // F_GETFL
    private const int SetFlags = 4;               // F_SETFL

    /// <summary>Whether <see cref="TryBypassCache"/> can succeed in this process.</summary>
    internal static bool CanBypassCache => OperatingSystem.IsLinux() && Environment.Is64BitProcess && Direct != 0;

    // O_DIRECT differs from one processor to the next; 0: not known.
    private static int Direct => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 0x4000,
        Architecture.Arm64 => 0x10000,
        _ => 0,
    };

    /// <summary>Syncs the data of a file, and of its metadata what is needed to read them.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="IOException">It failed; <see cref="Exception.HResult"/> is the error number.</exception>
    internal static void SyncData(SafeFileHandle file)
    {
        while (FDataSync(file) != 0)
        {
            ThrowUnlessInterrupted("fdatasync");
        }
    }

    /// <summary>Takes room on the disk; does nothing where the file system cannot.</summary>
    /// <param name="file">The file.</param>
    /// <param name="length">From its begin, in bytes.</param>
    /// <exception cref="IOException">It failed; <see cref="Exception.HResult"/> is the error number.</exception>
    internal static void Allocate(SafeFileHandle file, long length)
    {
        while (FAllocate(file, 0, 0, length) != 0)
        {
            if (Marshal.GetLastPInvokeError() is NotSupported or NotImplemented or InvalidArgument)
            {
                return;
            }

            ThrowUnlessInterrupted("fallocate");
        }
    }

    /// <summary>Makes whatever is written with a handle from now on go past the operating system's cache.</summary>
    /// <param name="file">The file.</param>
    /// <returns>False: the file system cannot.</returns>
    internal static bool TryBypassCache(SafeFileHandle file)
    {
        int flags = Control(file, GetFlags, 0);
        return flags >= 0 && Control(file, SetFlags, flags | Direct) == 0;
    }

    /// <summary>Writes stretches of memory one after the other, with one request to the disk if it can be.</summary>
    /// <param name="file">The file.</param>
    /// <param name="stretches">Where the bytes are.</param>
    /// <param name="offset">The position in the file.</param>
    /// <returns>How many bytes were written; -1: the file system does not take them like this.</returns>
    /// <exception cref="IOException">It failed; <see cref="Exception.HResult"/> is the error number.</exception>
    internal static long TryWrite(SafeFileHandle file, ReadOnlySpan<Stretch> stretches, long offset)
    {
        nint written;
        while ((written = WriteAt(file, stretches, stretches.Length, offset)) < 0)
        {
            if (Marshal.GetLastPInvokeError() == InvalidArgument)
            {
                return -1;
            }

            ThrowUnlessInterrupted("pwritev");
        }

        return written;
    }

    /// <summary>Syncs the entries of a directory.</summary>
    /// <param name="directory">Its path.</param>
    /// <exception cref="IOException">It failed; <see cref="Exception.HResult"/> is the error number.</exception>
    internal static void SyncDirectory(string directory)
    {
        int descriptor;
        while ((descriptor = Open(directory, 0)) < 0)
        {
            ThrowUnlessInterrupted("open");
        }

        try
        {
            while (FSync(descriptor) != 0)
            {
                // Some file systems have nothing to sync in a directory and say so.
                if (Marshal.GetLastPInvokeError() == InvalidArgument)
                {
                    return;
                }

                ThrowUnlessInterrupted("fsync");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Reads the first line of a short file without locking it.</summary>
    /// <param name="path">Its path.</param>
    /// <returns><see langword="null"/> if it cannot be read.</returns>
    internal static string? TryReadLine(string path)
    {
        int descriptor = Open(path, 0);
        if (descriptor < 0)
        {
            return null;
        }

        byte[] buffer = new byte[64];
        nint count = Read(descriptor, buffer, buffer.Length);
        _ = Close(descriptor);
        return count < 0 ? null : Encoding.ASCII.GetString(buffer, 0, (int)count).Split('\n')[0];
    }

    private static void ThrowUnlessInterrupted(string call)
    {
        int error = Marshal.GetLastPInvokeError();
        if (error != Interrupted)
        {
            throw new IOException($"{call}: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FAllocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "pwritev", SetLastError = true)]
    private static partial nint WriteAt(SafeFileHandle file, ReadOnlySpan<Stretch> stretches, int count, long offset);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, [Out] byte[] buffer, nint count);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    /// <summary>A stretch of memory, as the system calls take it (struct iovec).</summary>
    /// <param name="Begin">The address of its first byte.</param>
    /// <param name="Length">The number of bytes.</param>
    internal readonly record struct Stretch(nint Begin, nint Length);
}
