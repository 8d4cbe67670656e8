using EmbeddedMq.Diagnostics;
using EmbeddedMq.Journal;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Hosting;

/// <content>Keeps both logs short: what lives long moves out of the journal, and what is left in the cold log moves together.</content>
internal sealed partial class StorageKeeper
{
    // How much of the journal a replay reads at most beyond what is alive, as a share of what the journal may take.
    private const int CheckpointShare = 4;

    // How long the journal gets, and two segments more, before publishers wait: it is shortened from its usual length on, beside them.
    private const int MostLengthFactor = 2;

    private readonly BlockWriter _blockWriter;
    private readonly BlockCompactor _compactor;

    /// <summary>Moves what lives long out of a journal that has grown too long, writes a checkpoint when replay would take long, and gathers what is left in
    /// the cold log when little of that is alive.</summary>
    /// <param name="cancellationToken">Stops the waiting for the disk.</param>
    /// <returns>Whether publishers who waited for that may go on; else it cannot be shortened at present.</returns>
    internal async ValueTask<bool> KeepShortAsync(CancellationToken cancellationToken)
    {
        if (_store.Journal.State is not (JournalState.Open or JournalState.LowSpace) || _store.HasLostBlocks)
        {
            return false;
        }

        if (SurplusBytes > 0)
        {
            await ShortenAsync(cancellationToken).ConfigureAwait(false);
        }
        else if (IsReplayLong)
        {
            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }

        bool isRaised = RaiseLimit();
        if (await TryCompactAsync(cancellationToken).ConfigureAwait(false))
        {
            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }

        return isRaised;
    }

    // What the last checkpoint does not need is released in a moment.
    private long Begin => Math.Max(Hot.BeginAddress, _store.Journal.Checkpoint.HotBegin);

    // What tells of many names, or of very many messages on disk, is long, and however short the rest is, this is there.
    private long CheckpointBytes => _checkpointer.LastBytes;

    private long SurplusBytes => Hot.TailAddress - Begin - CheckpointBytes - _options.JournalBytes;

    private bool IsReplayLong
        => Hot.TailAddress - _store.Journal.Checkpoint.Address - CheckpointBytes > Math.Max(_options.JournalBytes / CheckpointShare, CheckpointBytes);

    // In slices, with a checkpoint after each: their space can be used again at once, and none of them keeps the disk busy for long.
    private async ValueTask ShortenAsync(CancellationToken cancellationToken)
    {
        long quarter = _options.JournalBytes / CheckpointShare;
        long slice = Math.Max(quarter, 2 * Hot.SegmentBytes) + CheckpointBytes; // or each would leave the journal longer than it was
        long begin;
        do
        {
            begin = Begin;

            // A quarter more than need be, so that it is not done again at once.
            ulong below = new StoredId(begin + Math.Min(SurplusBytes + quarter, slice), 0).Value;
            await TryEvacuateAsync(below, cancellationToken).ConfigureAwait(false);
            if (Hot.SegmentOf(_store.FirstNeededAddress()) <= Hot.SegmentOf(begin) && !IsReplayLong)
            {
                return; // what is there cannot be moved now; a checkpoint each time would make the journal longer and longer
            }

            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
            if (Hot.TailAddress < LimitAddress)
            {
                RaiseLimit();
            }

            // Publishers may be as fast as this is for as long as they like; the cold log grows meanwhile.
            await TryCompactAsync(cancellationToken).ConfigureAwait(false);
        }
        while (SurplusBytes > 0 && Begin > begin);
    }

    // Beside the last checkpoint there is the one that is being written.
    private long LimitAddress => Begin + (MostLengthFactor * (_options.JournalBytes + CheckpointBytes)) + (2 * Hot.SegmentBytes);

    private bool RaiseLimit()
    {
        if (_store.Journal.State is not (JournalState.Open or JournalState.LowSpace))
        {
            return false; // they wait for another reason
        }

        long limit = LimitAddress;
        long tail = Hot.TailAddress;
        if (tail > limit)
        {
            // Whatever holds it, to wait would not help: what cannot be moved may need a publish to end.
            BrokerLog.JournalNotShortened(_services.Logger, tail - Begin, Begin);
            limit = tail + _options.JournalBytes;
        }

        _store.Limit.Raise(limit);
        return true;
    }

    private async ValueTask<bool> TryCompactAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => _compactor.RunAsync(cancellationToken).AsTask(), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            BrokerLog.CompactionFailed(_services.Logger, error); // the messages stay where they are, and the log as long as it is
            return false;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    // Never beside a checkpoint: a block that is being written has no claim on its segment yet, which a checkpoint would take for one that holds nothing.
    private async ValueTask TryEvacuateAsync(ulong below, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // What a commit of several records has dealt with is known to be safe, and copied, only once that has ended.
            await _store.Named.WaitForAllAsync(cancellationToken).ConfigureAwait(false);
            await Task.Run(() => Evacuate(below, cancellationToken), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Whatever it is, the loop must go on: without it nothing is ever released.
            BrokerLog.EvacuationFailed(_services.Logger, error); // the messages stay where they are, and the journal stays as long
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private void Evacuate(ulong below, CancellationToken cancellationToken)
    {
        foreach (VirtualHost host in _virtualHosts.Values)
        {
            if (host.Evacuate(_blockWriter, below, cancellationToken) is { } failure)
            {
                BrokerLog.EvacuationFailed(_services.Logger, failure);
            }
        }

        _store.Receipts.Evacuate(new StoredId(below).Address, cancellationToken);
    }
}
