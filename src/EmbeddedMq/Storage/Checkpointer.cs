using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Writes checkpoints: what a replay would find out from records that may then be released.</summary>
/// <remarks>It stops nobody: what changes while it is written is appended behind its beginning, and replayed on top of it.</remarks>
/// <param name="store">The store.</param>
/// <param name="describe">Gives the names, bindings and policies that are stored, as they are when they are read.</param>
internal sealed class Checkpointer(MessageStore store, Func<IEnumerable<TopologyItem>> describe)
{
    /// <summary>How long the bodies of the last checkpoint's records are, in bytes; 0 before the first.</summary>
    internal long LastBytes { get; private set; }

    /// <summary>Writes a checkpoint and releases what it makes superfluous. One call at a time.</summary>
    /// <param name="cancellationToken">Stops the waiting for the disk.</param>
    /// <exception cref="JournalException">It could not be written; the one before holds.</exception>
    internal async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        long coldTail = store.Journal.Cold.SegmentOf(store.Journal.Cold.TailAddress);
        long[] deadSegments =
        [
            .. store.Journal.Cold.Segments.Select(static segment => segment.Id).Where(id => id < coldTail && store.ColdBytes.LiveIn(id) == 0),
        ];
        store.Receipts.ForgetOld();
        StoredBlock[] untold = store.Blocks.Untold;
        BlockMove[] untoldMoves = store.Blocks.UntoldMoves;
        long hotBegin = store.FirstNeededAddress();
        await store.Named.WaitForAllAsync(cancellationToken).ConfigureAwait(false); // what has moved before this is described where it is now
        store.WriteNotes();
        CheckpointPoint point = Append(hotBegin);
        await store.Journal.SaveCheckpointAsync(point, cancellationToken).ConfigureAwait(false);
        store.Blocks.NoteTold(untoldMoves);
        store.Journal.Hot.ReleaseBefore(point.HotBegin);
        store.Claims.ForgetBelow(store.Journal.Hot.SegmentOf(point.HotBegin));
        foreach (long segment in deadSegments)
        {
            store.Journal.Cold.ReleaseSegment(segment);
            store.ColdBytes.Forget(segment);
        }

        await SettleInJournalAsync(untold, point.HotBegin, cancellationToken).ConfigureAwait(false);
    }

    // The blocks are told of; from here on their messages' records in the journal mean nothing, where they are not released. A crash before this is
    // written is made up for by the replay, which looks into such blocks.
    private async ValueTask SettleInJournalAsync(StoredBlock[] blocks, long hotBegin, CancellationToken cancellationToken)
    {
        if (blocks.Length == 0)
        {
            return;
        }

        foreach (StoredBlock block in blocks.Where(static block => !block.IsTransient))
        {
            PendingSettles settles = new();
            settles.Settled.AddRange(block.JournalIds!.Where(id => id != 0 && new StoredId(id).Address >= hotBegin));
            foreach (Settle settle in SettleWriter.ToSettles(block.QueueId, settles))
            {
                store.Journal.Hot.Append((byte)RecordKind.Batch, new BatchBody([settle], [], []));
            }
        }

        // If the disk fails here, the blocks stay untold, and the next checkpoint does this again: what is settled in a block alone must come behind
        // it in the journal, or a restart would find the message there.
        await store.Journal.Hot.FlushAsync(Durability.OsBuffered, cancellationToken).ConfigureAwait(false);
        foreach (StoredBlock block in blocks)
        {
            block.JournalIds = null;
        }
    }

    // The anchor goes first, and what is described is read after that: whatever was appended before the anchor is in it. Only what a record says to be
    // settled may not be yet: by those who have come while this waited for all. Their records lie behind hotBegin, which was asked for before, and are replayed.
    private CheckpointPoint Append(long hotBegin)
    {
        IAppendLog log = store.Journal.Hot;
        long anchor = log.Append((byte)RecordKind.Topology, new TopologyBody(store.DescribeIds()));
        CheckpointWriter writer = new((ulong)anchor, log.MaxRecordBytes);
        long bytes = 0;
        foreach (TopologyItem item in describe().Concat(store.Blocks.Describe()).Concat(store.Receipts.Describe()))
        {
            bytes += Append(log, writer.Add(item));
        }

        bytes += Append(log, writer.End(out CheckpointEnd end));
        log.Append((byte)RecordKind.CheckpointEnd, end);
        LastBytes = bytes;
        return new CheckpointPoint(anchor, hotBegin, ReadOnlyMemory<byte>.Empty);
    }

    private static int Append(IAppendLog log, byte[]? body)
    {
        if (body is null)
        {
            return 0;
        }

        log.Append((byte)RecordKind.Checkpoint, new RecordBytes(body));
        return body.Length;
    }
}
