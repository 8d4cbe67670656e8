namespace EmbeddedMq.Journal.Faster;

/// <summary>Waiters that anybody may add and the journal's thread takes, all at once.</summary>
internal sealed class WaiterList
{
    private CommitWaiter? _newest;

    /// <summary>Whether there is none. May be out of date at once.</summary>
    public bool IsEmpty => Volatile.Read(ref _newest) is null;

    /// <summary>How many there are, mostly: out of date at once, and an estimate where waiters are used again beside it.</summary>
    public int Count => Volatile.Read(ref _newest)?.Place ?? 0;

    /// <summary>Adds a waiter.</summary>
    /// <param name="waiter">In no list.</param>
    /// <returns>How many there are now: as it may be used again by then, its place is not to be asked of the waiter.</returns>
    public int Add(CommitWaiter waiter)
    {
        CommitWaiter? newest = Volatile.Read(ref _newest);
        while (true)
        {
            waiter.Next = newest;
            int place = (newest?.Place ?? 0) + 1;
            waiter.Place = place;
            CommitWaiter? found = Interlocked.CompareExchange(ref _newest, waiter, newest);
            if (found == newest)
            {
                return place;
            }

            newest = found;
        }
    }

    /// <summary>Takes all waiters.</summary>
    /// <returns>The first of them, in the order in which they were added; <see langword="null"/> for none.</returns>
    public CommitWaiter? TakeAll()
    {
        if (IsEmpty)
        {
            return null;
        }

        CommitWaiter? newest = Interlocked.Exchange(ref _newest, null);
        CommitWaiter? first = null;
        while (newest is not null)
        {
            CommitWaiter? older = newest.Next;
            newest.Next = first;
            first = newest;
            newest = older;
        }

        return first;
    }

    /// <summary>Completes a waiter and those behind it.</summary>
    /// <param name="waiter">The first, taken from a list.</param>
    /// <param name="failure">Why they are not safe.</param>
    public static void CompleteAll(CommitWaiter? waiter, JournalException? failure)
    {
        while (waiter is not null)
        {
            CommitWaiter? next = waiter.Next;
            Complete(waiter, failure);
            waiter = next;
        }
    }

    /// <summary>Completes a waiter, whatever it does.</summary>
    /// <param name="waiter">The waiter, in no list.</param>
    /// <param name="failure">Why it is not safe.</param>
    public static void Complete(CommitWaiter waiter, JournalException? failure)
    {
        waiter.Next = null;
        try
        {
            waiter.Complete(failure);
        }
#pragma warning disable CA1031 // it breaks its contract; everybody else's commits must not suffer for it
        catch (Exception)
#pragma warning restore CA1031
        {
            // There is nobody to tell: the one who waits is the one who failed.
        }
    }
}
