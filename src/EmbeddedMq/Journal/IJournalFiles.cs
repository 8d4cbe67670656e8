namespace EmbeddedMq.Journal;

/// <summary>Every file operation of a store, so that a test can make any of them fail and can cut the power.</summary>
/// <remarks>Paths are whole. Failures are the BCL's: <see cref="IOException"/> with its <see cref="Exception.HResult"/>, and
/// <see cref="UnauthorizedAccessException"/>; the journal translates them. Thread-safe.</remarks>
internal interface IJournalFiles
{
    /// <summary>Makes a directory and its parents, if it is not there, so that a power cut does not undo it.</summary>
    /// <param name="directory">Its path.</param>
    void CreateDirectory(string directory);

    /// <summary>The names, without the path, of all files and directories in a directory; a directory's name ends in a slash.</summary>
    /// <param name="directory">Its path.</param>
    IReadOnlyList<string> List(string directory);

    /// <summary>Whether a file is there.</summary>
    /// <param name="path">Its path.</param>
    bool Exists(string path);

    /// <summary>Opens a file for reading and writing at any position.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="create">True: it must not be there, and is made. False: it must be there.</param>
    IJournalFile Open(string path, bool create);

    /// <summary>Opens a file whose whole length has been written before, to be written again.</summary>
    /// <param name="path">Its path. It must be there.</param>
    IJournalFile OpenToOverwrite(string path);

    /// <summary>Opens a file that must be there, for reading only.</summary>
    /// <param name="path">Its path.</param>
    IJournalFile OpenRead(string path);

    /// <summary>Removes a file, if it is there.</summary>
    /// <param name="path">Its path.</param>
    void Delete(string path);

    /// <summary>Gives a file another name in the same directory, in whose place there must be nothing.</summary>
    /// <param name="from">Its path.</param>
    /// <param name="to">Its new path.</param>
    void Rename(string from, string to);

    /// <summary>Makes what was created, renamed and deleted in a directory survive a power cut.</summary>
    /// <param name="directory">Its path.</param>
    void SyncDirectory(string directory);

    /// <summary>The bytes that can still be written to the disk that holds a directory.</summary>
    /// <param name="directory">Its path.</param>
    long GetFreeBytes(string directory);

    /// <summary>Takes the store for this process until the result is disposed or the process ends.</summary>
    /// <param name="path">The path of the lock file; it is made if need be.</param>
    /// <param name="holder">The process that has it, when the result is <see langword="null"/>; 0 if unknown.</param>
    /// <returns>The lock, or <see langword="null"/> if somebody else, or somebody else in this process, has it.</returns>
    IDisposable? TryLock(string path, out int holder);
}
