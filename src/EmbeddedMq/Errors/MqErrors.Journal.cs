using System.Globalization;

namespace EmbeddedMq.Errors;

/// <content>Errors of the store on disk.</content>
internal static partial class MqErrors
{
    private const string SalvageAdvice = "Restore it from a backup, or open the store in salvage mode, which keeps all that is intact and lists what is not.";

    /// <summary>Another process, or another broker of this one, has the store.</summary>
    /// <param name="directory">The store.</param>
    /// <param name="holder">The process, or 0.</param>
    internal static JournalException StoreInUse(string directory, int holder)
    {
        string who = holder == 0 ? "another process"
            : holder == Environment.ProcessId ? "another broker of this process"
            : $"process {holder.ToString(CultureInfo.InvariantCulture)}";
        return Store($"the store '{directory}' is in use by {who}", "Stop it, or give this broker a directory of its own.", directory, isTransient: true);
    }

    /// <summary>A file is where the store's directory should be, or one that it is in.</summary>
    /// <param name="directory">The store.</param>
    /// <param name="file">The file.</param>
    /// <param name="cause">What the operating system said.</param>
    internal static JournalException NotADirectory(string directory, string file, Exception cause)
        => Store(
            $"cannot make the store's directory '{directory}': '{file}' is a file",
            "Move the file away, or choose another directory.", file, cause: cause);

    /// <summary>A file operation failed.</summary>
    /// <param name="action">What was tried: <c>write</c>, <c>sync</c>, <c>open</c> …</param>
    /// <param name="path">The file.</param>
    /// <param name="cause">What the operating system said.</param>
    internal static JournalException FileFailed(string action, string path, Exception cause)
    {
        (string advice, bool isTransient) = IsDiskFull(cause) ? ("Make room on the disk.", true)
            : IsOutOfHandles(cause) ? ("The process has too many files open: raise its limit (ulimit -n).", true)
            : cause is UnauthorizedAccessException || (!OperatingSystem.IsWindows() && cause.HResult == 30)
                ? ("The broker needs to read and write all files of its store: mend the permissions, or choose another directory.", false)
            : ("See to the disk and the file system.", false);
        return Store($"cannot {action} '{path}': {cause.Message}", advice, path, isTransient, cause);
    }

    /// <summary>Whether a disk or a quota is full.</summary>
    /// <param name="error">What the operating system said.</param>
    internal static bool IsDiskFull(Exception error)
        => error is IOException && (OperatingSystem.IsWindows()
            ? error.HResult is unchecked((int)0x80070070) or unchecked((int)0x80070027)
            : error.HResult is 28 or 122 or 69 or 27); // ENOSPC, EDQUOT on Linux and macOS, EFBIG

    /// <summary>A name in the store's directory that is not the store's.</summary>
    internal static JournalException ForeignFile(string path)
        => Store($"'{path}' does not belong to the store", "A store needs a directory of its own: move the file away, or choose another directory.", path);

    /// <summary>There are log files and no manifest.</summary>
    internal static JournalException ManifestMissing(string path)
        => Store($"'{path}' is missing, though there are log files beside it", SalvageAdvice, path);

    /// <summary>Neither slot of the manifest can be read.</summary>
    internal static JournalException ManifestDamaged(string path)
        => Store($"'{path}' is damaged: neither of its two slots has a valid checksum", SalvageAdvice, path);

    /// <summary>The store was made by a version to come.</summary>
    internal static JournalException FormatUnknown(string path, uint version, uint known)
        => Store($"'{path}' has format {version}, and this version knows {known} at most", "Use the version of EmbeddedMq that wrote it, or a later one.", path);

    /// <summary>The store was made with other sizes.</summary>
    internal static JournalException OtherSizes(string path, string log, long pageBytes, long segmentBytes)
        => Store(
            $"the store of '{path}' was made with pages of {pageBytes} and segments of {segmentBytes} bytes for its {log} log",
            "These sizes cannot be changed afterwards: configure the same, or begin with an empty directory.", path);

    /// <summary>The manifest has no room for so many segments.</summary>
    internal static JournalException TooManySegments(string path, int segments)
        => Store($"'{path}' has no room for {segments} segments", "Consume or delete old messages, or begin a new store with larger segments.", path);

    /// <summary>The manifest has little room left for more segments.</summary>
    internal static JournalException ManifestFull(string directory)
        => Store(
            $"the store in '{directory}' has nearly as many segments as it can have",
            "No message is taken until there are less: consume or delete old messages.", directory, isTransient: true);

    /// <summary>A file of a log is gone.</summary>
    internal static JournalException SegmentMissing(string path)
        => Store($"'{path}' is missing", SalvageAdvice, path);

    /// <summary>A file of a log has the wrong length.</summary>
    internal static JournalException SegmentTruncated(string path, long length, long expected)
        => Store($"'{path}' has {length} bytes instead of {expected}", SalvageAdvice, path);

    /// <summary>A record, or the place where one has been, is not readable.</summary>
    internal static JournalException RecordDamaged(string path, long address, string reason)
        => Store($"'{path}' is damaged at address {address}: {reason}", SalvageAdvice, path);

    /// <summary>An address at which nothing can be read.</summary>
    internal static JournalException NotReadable(string log, long address, string reason)
        => Store($"nothing can be read at address {address} of the {log} log: {reason}", "This is a fault of the broker: please report it.", log);

    /// <summary>The log takes nothing any more.</summary>
    internal static JournalException JournalClosed(string directory)
        => Store($"the store '{directory}' is closed", "Open it again.", directory);

    /// <summary>The journal broke one of its own rules.</summary>
    internal static JournalException JournalBroken(string directory, string what, Exception? cause = null)
        => new(ReplyText(ReplyCode.InternalError, $"the journal of '{directory}' stopped: {what}"), "This is a fault of the broker: please report it.", directory, innerException: cause);

    /// <summary>The disk has little room left.</summary>
    internal static JournalException SpaceLow(string directory, long freeBytes, long watermarkBytes)
        => Store(
            $"the disk of '{directory}' has {freeBytes} bytes left, less than the watermark of {watermarkBytes}",
            "No message is taken until there is more: make room on the disk, or consume messages.", directory, isTransient: true);

    private static bool IsOutOfHandles(Exception error)
        => !OperatingSystem.IsWindows() && error is IOException && error.HResult is 23 or 24; // ENFILE, EMFILE

    private static JournalException Store(string text, string advice, string subject, bool isTransient = false, Exception? cause = null)
        => new(ReplyText(ReplyCode.ResourceError, text), advice, subject, isTransient, cause);
}
