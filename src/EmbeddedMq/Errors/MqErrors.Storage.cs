namespace EmbeddedMq.Errors;

/// <content>Storage.</content>
internal static partial class MqErrors
{
    /// <summary>A record whose checksum is right and whose content is not.</summary>
    /// <param name="address">Where it is in the hot log.</param>
    /// <param name="kind">What it says it is.</param>
    /// <param name="error">What is wrong with it.</param>
    internal static JournalException RecordNotUnderstood(long address, byte kind, FormatException error) => new(
        $"The record of kind {kind} at address {address} is intact and not understood: {error.Message}. " +
        "A newer version of EmbeddedMq may have written it; open the data directory with that version.",
        innerException: error);

    /// <summary>The checkpoint that the manifest names does not end.</summary>
    /// <param name="address">Where it begins.</param>
    internal static JournalException CheckpointIncomplete(long address) => new(
        $"The checkpoint at address {address} of the hot log has no end. Open the data directory in salvage mode to take over what is intact.");

    /// <summary>A virtual host is to be created whose name is the broker's own.</summary>
    /// <param name="virtualHost">The name.</param>
    internal static ArgumentException VirtualHostReserved(string virtualHost)
        => new($"The virtual host '{virtualHost}' is reserved for what the broker itself keeps. Choose another name.", nameof(virtualHost));

    /// <summary>The store takes nothing at present, for a reason that was told when that began.</summary>
    internal static JournalException StorageNotOpen() => new("The store takes nothing at present.", "The broker's log says why; it tries again by itself.", isTransient: true);

    /// <summary>Messages that had been moved out of the journal went with a failure of the disk, and the journal itself must keep them.</summary>
    /// <param name="directory">The store's directory.</param>
    internal static JournalException BlocksLost(string directory) => new(
        $"Messages that were moved out of the journal of '{directory}' went with a failure of the disk; the journal has them still",
        "Restart the broker, which reads them from there. Until then publishers of persistent messages wait and nothing is released.",
        directory,
        isTransient: true);

    /// <summary>The message that is next in a queue is on disk and cannot be read at present.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="reason">Why.</param>
    internal static JournalException HeadNotReadable(string queue, string reason) => new(
        $"The next message of queue '{queue}' is on disk and cannot be read: {reason}",
        "The broker tries again by itself, after at most 30 seconds each time and when it is asked a second later, and delivers it once the disk gives it. Purge the queue to give it up.",
        queue,
        isTransient: true);
}
