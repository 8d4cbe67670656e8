using FASTER.core;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Tells FASTER that it has no commits to remember: what is in the log, the records themselves say.</summary>
/// <remarks>FASTER's own manager writes a file per commit, which costs most of its time, and trusts that file blindly when it opens a log.
/// Never throws: FASTER would swallow it and its commits would hang.</remarks>
internal sealed class NullCommitManager : ILogCommitManager
{
    /// <inheritdoc/>
    public void Commit(long beginAddress, long untilAddress, byte[] commitMetadata, long commitNum, bool forceWriteMetadata)
    {
        // The device has been synced, or not, by the journal's thread.
    }

    /// <inheritdoc/>
    public byte[]? GetCommitMetadata(long commitNum) => null;

    /// <inheritdoc/>
    public IEnumerable<long> ListCommits() => [];

    /// <inheritdoc/>
    public void RemoveCommit(long commitNum)
    {
        // There is none.
    }

    /// <inheritdoc/>
    public void RemoveAllCommits()
    {
        // There is none.
    }

    /// <inheritdoc/>
    public void OnRecovery(long commitNum)
    {
        // FASTER recovers nothing.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
