using EmbeddedMq.Journal;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Writes checkpoints: what a replay would find out from records that may then be released.</summary>
/// <remarks>It stops nobody: what changes while it is written is appended behind its beginning, and replayed on top of it.</remarks>
/// <param name="store">The store.</param>
/// <param name="describe">Gives the names, bindings and policies that are stored, and the blocks of the cold log, as they are when they are read.</param>
internal sealed class Checkpointer(MessageStore store, Func<IEnumerable<TopologyItem>> describe)
{
    /// <summary>Writes a checkpoint and releases what it makes superfluous. One call at a time.</summary>
    /// <param name="cancellationToken">Stops the waiting for the disk.</param>
    /// <exception cref="JournalException">It could not be written; the one before holds.</exception>
    internal async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        store.WriteNotes();
        CheckpointPoint point = Append();
        await store.Journal.SaveCheckpointAsync(point, cancellationToken).ConfigureAwait(false);
        store.Journal.Hot.ReleaseBefore(point.HotBegin);
    }

    // The anchor goes first, and what is described is read after that: whatever was appended before the anchor is in it.
    private CheckpointPoint Append()
    {
        long hotBegin = store.FirstNeededAddress();
        IAppendLog log = store.Journal.Hot;
        long anchor = log.Append((byte)RecordKind.Topology, new TopologyBody(store.DescribeIds()));
        CheckpointWriter writer = new((ulong)anchor);
        foreach (TopologyItem item in describe())
        {
            Append(log, writer.Add(item));
        }

        Append(log, writer.End(out CheckpointEnd end));
        log.Append((byte)RecordKind.CheckpointEnd, end);
        return new CheckpointPoint(anchor, hotBegin, ReadOnlyMemory<byte>.Empty);
    }

    private static void Append(IAppendLog log, byte[]? body)
    {
        if (body is not null)
        {
            log.Append((byte)RecordKind.Checkpoint, new RecordBytes(body));
        }
    }
}
