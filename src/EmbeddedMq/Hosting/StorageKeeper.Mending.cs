using EmbeddedMq.Diagnostics;
using EmbeddedMq.Journal;

namespace EmbeddedMq.Hosting;

/// <content>Brings the store back when the disk has failed.</content>
internal sealed partial class StorageKeeper
{
    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromSeconds(10);

    private Task _mending = Task.CompletedTask; // written on the journal's thread, of which there is one
    private int _isMending;

    private void OnStateChanged(JournalState state, JournalException? reason)
    {
        switch (state)
        {
            case JournalState.Failed:
                _store.NoteFailure();
                if (Interlocked.Exchange(ref _isMending, 1) == 0)
                {
                    Volatile.Write(ref _mending, Task.Run(() => MendAsync(reason)));
                }

                break;
            case JournalState.LowSpace:
                BrokerLog.StorageLowSpace(_services.Logger, reason);
                break;
            case JournalState.Open:
                if (Volatile.Read(ref _isMending) == 0)
                {
                    BrokerLog.StorageBack(_services.Logger);
                }

                _store.RoomAgain(); // also while mending: it may just have let go those who found too little space then
                break;
        }
    }

    // Until it works, and again as often as it fails meanwhile.
    private async Task MendAsync(JournalException? reason)
    {
        TimeSpan delay = FirstRetryDelay;
        while (!_stopping.IsCancellationRequested)
        {
            BrokerLog.StorageFailed(_services.Logger, reason, delay);
            try
            {
                await Task.Delay(delay, _services.Clock.TimeProvider, _stopping.Token).ConfigureAwait(false);
                await MendOnceAsync().ConfigureAwait(false);
                Volatile.Write(ref _isMending, 0);
                if (_store.Journal.State != JournalState.Failed || Interlocked.Exchange(ref _isMending, 1) != 0)
                {
                    return;
                }

                (reason, delay) = (_store.Journal.Failure, FirstRetryDelay);
            }
            catch (JournalException error)
            {
                reason = error;
                delay = Longer(delay);
            }
            catch (OperationCanceledException)
            {
                return;
            }
#pragma warning disable CA1031 // nothing may end this: nobody else brings the store back
            catch (Exception error)
#pragma warning restore CA1031
            {
                BrokerLog.TaskFailed(_services.Logger, error);
                delay = Longer(delay);
            }
        }
    }

    private static TimeSpan Longer(TimeSpan delay) => TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestRetryDelay.Ticks));

    // What consumers hold, and what queues have in memory, stays as it is. What went with the disk was never confirmed, but for what left one place
    // and arrived in another by a record that went: it is stored again before anything says that it has left, and before a checkpoint forgets where
    // it was.
    private async Task MendOnceAsync()
    {
        await _oneAtATime.WaitAsync(_stopping.Token).ConfigureAwait(false);
        try
        {
            _store.BeginMending();
            if (_store.Journal.State == JournalState.Failed)
            {
                try
                {
                    await _store.Journal.ReopenAsync(_stopping.Token).ConfigureAwait(false);
                }
                finally
                {
                    _store.NoteLost(); // also where it could not be opened: the next time begins behind what this one knows to be lost
                }
            }

            await _store.Named.WaitForAllAsync(CancellationToken.None).ConfigureAwait(false); // what was on the way when the disk failed is in its queues then
            foreach (bool _ in _virtualHosts.Values.SelectMany(static host => host.StoreAgain()))
            {
                await Hot.WaitForRoomAsync(CancellationToken.None).ConfigureAwait(false);
            }

            _store.StoreReceiptsAgain();
            _store.WriteNotesAgain();
            await CheckpointInTurnAsync(CancellationToken.None).ConfigureAwait(false); // names that changed since the last one may have gone too
            RaiseLimit();
            _store.EndMending();
        }
        finally
        {
            _oneAtATime.Release();
        }

        BrokerLog.StorageBack(_services.Logger);
        _store.RoomAgain();
    }
}
