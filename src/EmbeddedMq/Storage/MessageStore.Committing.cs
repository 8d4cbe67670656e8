using System.Runtime.CompilerServices;
using EmbeddedMq.Journal;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <content>Commits that take effect in memory only once they are safe: acknowledgements, publishes and receipts, all of them or none.</content>
internal sealed partial class MessageStore
{
    // So many fit into a record of the smallest page that is allowed.
    private const int MostReceipts = 256;

    /// <summary>What is known of messages that were dealt with.</summary>
    internal ReceiptStore Receipts { get; }

    /// <summary>Appends a commit: one record, where it fits into one. Nothing takes effect by this; see <see cref="IsSafeAsync"/>.</summary>
    /// <param name="messages">What it publishes to stored queues, with its bodies; large ones are put in pieces here. Each has its claims from now
    /// on, until its queues have settled it or <see cref="AbandonCommit"/>.</param>
    /// <param name="left">What it acknowledges, of what is stored. It stays stored until it is settled in the usual way, which may say so once more.</param>
    /// <param name="receipts">What it deals with; not known before <see cref="ReceiptStore.Add"/>.</param>
    /// <param name="endedAt">The id of the last record of it; 0 if the journal takes nothing at present.</param>
    /// <returns>The messages' ids, in order.</returns>
    /// <remarks>Between <see cref="NamedPlaces.Enter"/> and <see cref="NamedPlaces.Leave"/>, which comes after what it acknowledges is settled.</remarks>
    internal ulong[] AppendCommit(BatchMessage[] messages, IReadOnlyList<StoredSource> left, ReadOnlySpan<Receipt> receipts, out ulong endedAt)
    {
        endedAt = 0;
        ulong[] ids = messages.Length == 0 ? [] : new ulong[messages.Length];
        if (_isMending)
        {
            return ids; // what it acknowledges may itself be about to be stored again
        }

        using SegmentHold hold = StoreBodies(messages);
        Settle[] settles = ToSettles(left);
        if (messages.Length <= StoredId.MaxMessages && settles.Length <= TransactionParts.MostSettles)
        {
            BatchBody whole = new(settles, [], messages, 0, receipts);
            if (whole.GetLength() <= _journal.Hot.MaxRecordBytes)
            {
                lock (_appendGate)
                {
                    if (!AreThere(messages))
                    {
                        return ids;
                    }

                    long address = _journal.Hot.Append((byte)RecordKind.Batch, whole);
                    IsAppended(address, ref endedAt);
                    ClaimAll_NeedsGate(address, messages, ids, receipts);
                }

                return ids;
            }
        }

        bool isWhole = true;
        lock (_appendGate)
        {
            if (!AreThere(messages))
            {
                return ids;
            }

            long resumedAt = _journal.Hot.ResumedAt;
            ulong transaction = NextTransaction();
            long address;
            for (int i = 0; i < receipts.Length; i += MostReceipts)
            {
                ReadOnlySpan<Receipt> some = receipts[i..Math.Min(i + MostReceipts, receipts.Length)];
                address = _journal.Hot.Append((byte)RecordKind.Batch, new BatchBody([], [], [], transaction, some));
                isWhole &= IsAppended(address, ref endedAt);
                ClaimAll_NeedsGate(address, [], [], some);
            }

            foreach (Settle[] some in settles.Chunk(TransactionParts.MostSettles))
            {
                isWhole &= IsAppended(_journal.Hot.Append((byte)RecordKind.Batch, new BatchBody(some, [], [], transaction)), ref endedAt);
            }

            foreach (Range part in TransactionParts.Cut(messages, _journal.Hot.MaxRecordBytes))
            {
                address = _journal.Hot.Append((byte)RecordKind.Batch, new BatchBody([], [], messages.AsSpan(part), transaction));
                isWhole &= IsAppended(address, ref endedAt);
                ClaimAll_NeedsGate(address, messages.AsSpan(part), ids.AsSpan(part), []);
            }

            isWhole = isWhole && IsEnded_NeedsGate(transaction, resumedAt, ref endedAt);
        }

        if (!isWhole)
        {
            AbandonCommit(messages, ids);
            endedAt = 0;
        }

        return ids;
    }

    /// <summary>Waits until a commit is as safe as the broker promises. Where the disk fails meanwhile, nobody knows before it is back: it waits for that.</summary>
    /// <param name="endedAt">What <see cref="AppendCommit"/> gave.</param>
    /// <returns><see langword="false"/>: it went with the disk, or the broker stopped before anybody knew; it must not take effect.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<bool> IsSafeAsync(ulong endedAt)
    {
        bool isKnown = _durability == Durability.Memory
            || await new AwaitableCommit(_durability).WaitAsync(_journal.Hot).ConfigureAwait(false) is null
            || await _known.Task.ConfigureAwait(false); // the journal says that it has failed before it tells those who wait
        return isKnown && IsKept(endedAt);
    }

    /// <summary>Makes the receipts of a commit known that is safe.</summary>
    /// <param name="receipts">The receipts.</param>
    /// <param name="endedAt">What <see cref="AppendCommit"/> gave; 0: nothing is stored.</param>
    /// <remarks>Between <see cref="NamedPlaces.Enter"/> and <see cref="NamedPlaces.Leave"/>, as the commit: whoever mends the store waits for that.</remarks>
    internal void AddReceipts(ReadOnlySpan<Receipt> receipts, ulong endedAt)
    {
        if (endedAt != 0 && _durability != Durability.Synced && !receipts.IsEmpty)
        {
            // Asked in this order: before the log goes on behind what a failure takes, the store is being mended.
            long syncedUntil = _journal.Hot.SyncedUntil;
            _unsynced.Add(receipts, endedAt, _isMending ? 0 : syncedUntil);
        }

        Receipts.Add(receipts);
    }

    /// <summary>Gives up the claims of messages whose commit does not take effect.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="ids">Their ids; 0 for those that were not appended.</param>
    internal void AbandonCommit(BatchMessage[] messages, ulong[] ids)
    {
        for (int i = 0; i < messages.Length; i++)
        {
            for (int claim = 0; ids[i] != 0 && claim < messages[i].Refs.Length; claim++)
            {
                Release(ids[i]);
            }
        }
    }

    // One message, as most commits have, needs no table of queues.
    private static Settle[] ToSettles(IReadOnlyList<StoredSource> left)
        => left.Count == 0 ? []
            : left.Count == 1 && left[0].Entry!.Block is null ? [Settle.Entries(left[0].Queue!.Id, new[] { new StoredId(left[0].Entry!.StoredAt) })]
            : [.. SettlesOf(left).SelectMany(static queue => SettleWriter.ToSettles(queue.Key.Id, queue.Value))];

    private void ClaimAll_NeedsGate(long address, ReadOnlySpan<BatchMessage> messages, Span<ulong> ids, ReadOnlySpan<Receipt> receipts)
    {
        if (address == JournalAddress.None)
        {
            return;
        }

        for (int i = 0; i < messages.Length; i++)
        {
            ids[i] = Claim_NeedsGate(address, i, messages[i].Body, messages[i].Refs.Length);
        }

        if (!receipts.IsEmpty)
        {
            Receipts.NoteAppended(address, receipts);
        }
    }
}
