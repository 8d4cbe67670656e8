namespace EmbeddedMq.Journal.Faster;

/// <summary>Lets those whom one sync has answered together come back together, so that they share the next one.</summary>
/// <remarks>
/// <para>Publishers who are answered at once append again within microseconds, one after the other. The first of them would start a sync by
/// itself, and all others would wait for that one and then for their own: two syncs for each round. So a commit waits until as many wait for it
/// as were answered and waited beside them, and never longer than a sync takes: beyond that, two syncs would have been faster.</para>
/// <para>A publisher who is alone is not made to wait. Where those who were answered do not come back in time, because they have something else
/// to do, the next commits do not wait, the more of them the more often that has happened in a row.</para>
/// <para>So many bytes as take a disk twice as long as none are worth a sync of their own: with more than that outstanding, publishers bring the next ones
/// while these are synced, and neither waits for the other.</para>
/// <para>Where many are expected the thread sleeps until most of them are there: looking at their list again and again would take the list from them
/// with each look, and make each of them half as slow again. It is woken a little early, because waking takes as long as the last of them do.</para>
/// <para>For the journal's thread, but for <see cref="NoteArrived"/> and <see cref="Wake"/>. Its gate is a leaf of the lock order.</para>
/// </remarks>
/// <param name="time">The clock.</param>
/// <param name="waiting">How many wait for a commit now.</param>
/// <param name="longestSleepMs">How long it sleeps at most; the default is the shortest time that a thread can be made to.</param>
internal sealed class Gathering(TimeProvider time, Func<int> waiting, int longestSleepMs = 1)
{
    // From so many on it sleeps. Fewer are there before it would be awake again.
    private const int Many = 64;

    // A sync of a few bytes takes some 150 us here, and a megabyte some 800 us more.
    private const long Enough = 256 << 10;

    // Ends the waiting where the clock is a test's and stands still.
    private const int MostLooks = 2_000;

    // After as many failures in a row as it takes to come here, one sync in so many is waited for to find out whether things have changed.
    private const int MostPassedOver = 64;

    // Beside a slower sync what is missed costs little, and the processor is needed elsewhere.
    private static readonly TimeSpan Longest = TimeSpan.FromMicroseconds(500);

    private readonly object _gate = new(); // no Lock: it is waited on
    private int _wakeAt;                    // how many have to wait for the sleeping thread to be woken; 0: it does not sleep
    private long _syncStartedAt;
    private TimeSpan _limit;
    private int _expected;      // 0: nobody is waited for
    private int _passedOver;    // commits that have not waited since one waited in vain
    private int _toBePassedOver;

    /// <summary>Notes that a sync begins.</summary>
    public void BeginSync() => _syncStartedAt = time.GetTimestamp();

    /// <summary>Notes that it has ended. To be called before anybody is answered: who waits now has not been answered by it.</summary>
    /// <param name="answered">How many it answers.</param>
    /// <param name="bytes">How many bytes it carried.</param>
    public void EndSync(int answered, long bytes)
    {
        TimeSpan sync = time.GetElapsedTime(_syncStartedAt);
        _limit = sync < Longest ? sync : Longest;
        long enough = bytes <= 0 ? int.MaxValue : answered * Enough / bytes; // of such as these
        _expected = answered > 1 && enough > 1 ? (int)Math.Min(answered + waiting(), enough) : 0;
    }

    /// <summary>Notes that somebody waits for a commit. Thread-safe.</summary>
    /// <param name="place">How many wait, this one and those before.</param>
    public void NoteArrived(int place)
    {
        if (place == Volatile.Read(ref _wakeAt))
        {
            Wake();
        }
    }

    /// <summary>Ends the thread's sleep, because somebody cannot go on before it has done something. Thread-safe.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Waits for them, once for each sync, when somebody wants a commit.</summary>
    public void Wait()
    {
        int expected = _expected;
        _expected = 0;
        if (expected == 0 || (_toBePassedOver > 0 && ++_passedOver <= _toBePassedOver))
        {
            return;
        }

        _passedOver = 0;
        _toBePassedOver = HaveCome(expected) ? 0 : Math.Clamp(_toBePassedOver * 2, 1, MostPassedOver);
    }

    private bool HaveCome(int expected) => (expected < Many || HaveMostCome(expected - (expected / 4))) && HaveAllCome(expected);

    private bool HaveMostCome(int most)
    {
        lock (_gate)
        {
            Volatile.Write(ref _wakeAt, most);
            Interlocked.MemoryBarrier(); // whoever is that one sees it, or is seen here
            if (waiting() < most)
            {
                Monitor.Wait(_gate, longestSleepMs);
            }

            Volatile.Write(ref _wakeAt, 0);
        }

        return waiting() >= most;
    }

    private bool HaveAllCome(int expected)
    {
        long start = time.GetTimestamp();
        SpinWait spin = default;
        for (int looks = 0; waiting() < expected; looks++)
        {
            if (looks == MostLooks || time.GetElapsedTime(start) >= _limit)
            {
                return false;
            }

            spin.SpinOnce(sleep1Threshold: -1);
        }

        return true;
    }
}
