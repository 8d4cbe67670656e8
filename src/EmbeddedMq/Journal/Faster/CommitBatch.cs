namespace EmbeddedMq.Journal.Faster;

/// <summary>The waiters of one commit, in order.</summary>
/// <remarks>For the journal's thread.</remarks>
internal sealed class CommitBatch
{
    private CommitWaiter? _first;

    /// <summary>Whether nobody is left.</summary>
    public bool IsEmpty => _first is null;

    /// <summary>How many it took that wait for a sync.</summary>
    public int SyncedCount { get; private set; }

    /// <summary>Takes all who wait.</summary>
    /// <param name="waiters">Where they are.</param>
    /// <param name="wanted">The most that any of them asks for.</param>
    public void Take(WaiterList waiters, out Durability wanted)
    {
        wanted = Durability.Memory;
        SyncedCount = 0;
        _first = waiters.TakeAll();
        for (CommitWaiter? waiter = _first; waiter is not null; waiter = waiter.Next)
        {
            wanted = waiter.Durability > wanted ? waiter.Durability : wanted;
            SyncedCount += waiter.Durability == Durability.Synced ? 1 : 0;
        }
    }

    /// <summary>Answers those who ask for no more than a level; the others stay, in order.</summary>
    /// <param name="reached">The level.</param>
    /// <param name="failure">Why it was not reached; <see langword="null"/> if it was.</param>
    public void Complete(Durability reached, JournalException? failure)
    {
        CommitWaiter? waiter = _first;
        CommitWaiter? lastKept = null;
        _first = null;
        while (waiter is not null)
        {
            CommitWaiter? next = waiter.Next;
            if (waiter.Durability <= reached)
            {
                WaiterList.Complete(waiter, failure);
            }
            else
            {
                waiter.Next = null;
                if (lastKept is null)
                {
                    _first = waiter;
                }
                else
                {
                    lastKept.Next = waiter;
                }

                lastKept = waiter;
            }

            waiter = next;
        }
    }
}
