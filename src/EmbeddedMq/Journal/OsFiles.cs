using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace EmbeddedMq.Journal;

/// <summary>The real file system.</summary>
/// <remarks>Thread-safe and without state.</remarks>
internal sealed class OsFiles : IJournalFiles
{
    /// <summary>The only instance there need be.</summary>
    public static readonly OsFiles Instance = new();

    /// <inheritdoc/>
    public void CreateDirectory(string directory)
    {
        if (Directory.Exists(directory))
        {
            return;
        }

        string? parent = Path.GetDirectoryName(Path.GetFullPath(directory));
        if (!string.IsNullOrEmpty(parent))
        {
            CreateDirectory(parent);
        }

        Directory.CreateDirectory(directory);
        if (!string.IsNullOrEmpty(parent))
        {
            SyncDirectory(parent);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string directory)
    {
        List<string> names = [];
        foreach (FileSystemInfo entry in new DirectoryInfo(directory).EnumerateFileSystemInfos())
        {
            names.Add(entry is DirectoryInfo ? entry.Name + "/" : entry.Name);
        }

        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <inheritdoc/>
    public bool Exists(string path) => File.Exists(path);

    /// <inheritdoc/>
    public IJournalFile Open(string path, bool create) => new OsFile(OpenHandle(path, create ? FileMode.CreateNew : FileMode.Open));

    /// <inheritdoc/>
    public IJournalFile OpenToOverwrite(string path)
    {
        SafeFileHandle handle = OpenHandle(path, FileMode.Open);
        try
        {
            return new OsFile(handle, DirectWriter.TryOpen(path));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IJournalFile OpenRead(string path)
        => new OsFile(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));

    /// <inheritdoc/>
    public void Delete(string path) => File.Delete(path);

    /// <inheritdoc/>
    public void Rename(string from, string to) => File.Move(from, to, overwrite: false);

    /// <inheritdoc/>
    public void SyncDirectory(string directory)
    {
        // Windows writes directories with its own journal and has no call for it.
        if (!OperatingSystem.IsWindows())
        {
            LibC.SyncDirectory(directory);
        }
    }

    /// <inheritdoc/>
    public long GetFreeBytes(string directory) => new DriveInfo(Path.GetFullPath(directory)).AvailableFreeSpace;

    /// <inheritdoc/>
    [SuppressMessage("Reliability", "CA2000", Justification = "The stream is the lock; the caller disposes of it.")]
    public IDisposable? TryLock(string path, out int holder)
    {
        holder = 0;
        FileStream stream;
        try
        {
            // On Unix FileShare.None is an advisory lock (flock), which the kernel drops when the process ends in whatever way. On Windows
            // every mode locks, and Read lets others see who has it.
            stream = new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Read : FileShare.None, bufferSize: 0);
        }
        catch (IOException) when (TryReadHolder(path, out holder))
        {
            return null;
        }

        stream.SetLength(0);
        stream.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
        return stream;
    }

    private static SafeFileHandle OpenHandle(string path, FileMode mode) => File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>Tells a lock that somebody has from a lock file that cannot be made: the one can be read, by whoever does not ask for a lock.</summary>
    private static bool TryReadHolder(string path, out int holder)
    {
        holder = 0;
        string? text;
        if (OperatingSystem.IsWindows())
        {
            try
            {
                using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using StreamReader reader = new(stream, Encoding.ASCII);
                text = reader.ReadLine();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
        else
        {
            text = LibC.TryReadLine(path); // .NET would ask for a shared lock, whatever the mode
        }

        _ = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out holder);
        return text is not null;
    }
}
