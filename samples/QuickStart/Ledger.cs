using System.Diagnostics;
using EmbeddedMq;

/// <summary>The books of this run, kept beside the broker: what the publisher sent, what the handlers did, what lay in the dead-letter
/// queue, what the broker itself counted. At the end all of them must agree.</summary>
/// <remarks>Thread-safe. It also tells the story on the console, line by line.</remarks>
internal sealed class Ledger
{
    private readonly Lock _gate = new();
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly SortedDictionary<string, Account> _accounts = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _nothingWaits = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _publishingIsOver;
    private int _returned;

    /// <summary>Keeps a handler at work until the shop closes for the day: the application is about to stop.</summary>
    public Task WorkUntilClosing(string queue)
    {
        Change(queue, static account => account.AtWorkUntilClosing++);
        return _closing.Task;
    }

    public void Say(string who, string what)
    {
        lock (_gate)
        {
            Console.WriteLine($"{Stopwatch.GetElapsedTime(_start).TotalMilliseconds,6:0} ms  {who,-12} {what}");
        }
    }

    /// <summary>A message was confirmed, and each of these queues ought to hold a copy.</summary>
    public void Published(params ReadOnlySpan<string> queues)
    {
        foreach (string queue in queues)
        {
            Change(queue, static account => account.Published++);
        }
    }

    /// <summary>A message came back: no queue took it.</summary>
    public void Returned() => Interlocked.Increment(ref _returned);

    /// <summary>Counts what a handler does with one delivery.</summary>
    public async ValueTask HandleAsync(string queue, Func<ValueTask> handle)
    {
        Change(queue, static account => account.InHandlers++);
        try
        {
            await handle();
        }
        catch
        {
            Change(queue, static account => (account.InHandlers, account.FailedAttempts) = (account.InHandlers - 1, account.FailedAttempts + 1));
            throw;
        }

        Change(queue, static account => (account.InHandlers, account.Handled) = (account.InHandlers - 1, account.Handled + 1));
    }

    /// <summary>A message of a queue was found in its dead-letter queue.</summary>
    public void DeadLettered(string queue, bool afterAnAttempt) => Change(queue, account =>
    {
        account.DeadLettered++;
        account.FailedForGood += afterAnAttempt ? 1 : 0;
    });

    /// <summary>Completes when each message is handled, dead-lettered, or in a handler that works until the shop closes.</summary>
    public Task WhenNothingWaits()
    {
        lock (_gate)
        {
            _publishingIsOver = true;
            Signal();
        }

        return _nothingWaits.Task;
    }

    /// <summary>The shop closes: see <see cref="WorkUntilClosing"/>.</summary>
    public void BeginToClose() => _closing.SetResult();

    /// <summary>What the broker counted.</summary>
    public void BrokerCounted(QueueDescription queue)
    {
        lock (_gate)
        {
            if (_accounts.TryGetValue(queue.Name, out Account? account))
            {
                account.TakenInByBroker = queue.EnqueuedTotal;
                account.Left = queue.ReadyCount;
            }
        }
    }

    /// <summary>Prints the books.</summary>
    /// <returns>Whether they agree, for each queue and in all.</returns>
    public bool Close()
    {
        lock (_gate)
        {
            Console.WriteLine();
            Console.WriteLine("              published   handled   dead-lettered   retries   left in queue");
            bool agree = true;
            foreach ((string queue, Account account) in _accounts)
            {
                agree &= account.Agrees;
                Console.WriteLine($"{queue,-12}{account.Published,11}{account.Handled,10}{account.DeadLettered,16}{account.Retries,10}{account.Left,16}"
                    + (account.Agrees ? "" : $"   WRONG: {account}"));
            }

            int published = _accounts.Values.Sum(static account => account.Published) + _returned;
            int handled = _accounts.Values.Sum(static account => account.Handled);
            int dead = _accounts.Values.Sum(static account => account.DeadLettered);
            agree &= published == handled + dead + _returned;
            Console.WriteLine();
            Console.WriteLine($"{published} published = {handled} handled + {dead} dead-lettered + {_returned} returned{(agree ? "" : "   WRONG")}");
            return agree;
        }
    }

    private void Change(string queue, Action<Account> change)
    {
        lock (_gate)
        {
            if (!_accounts.TryGetValue(queue, out Account? account))
            {
                _accounts.Add(queue, account = new Account());
            }

            change(account);
            Signal();
        }
    }

    private void Signal()
    {
        // A message in any other handler may fail, and then it waits for its next attempt.
        if (_publishingIsOver && _accounts.Values.All(static account => account.Published == account.Handled + account.AtWorkUntilClosing + account.DeadLettered))
        {
            _nothingWaits.TrySetResult();
        }
    }

    /// <summary>One queue's account.</summary>
    private sealed record Account
    {
        public int Published { get; set; }

        public int InHandlers { get; set; }

        public int AtWorkUntilClosing { get; set; }

        public int Handled { get; set; }

        public int FailedAttempts { get; set; }

        public int FailedForGood { get; set; }

        public int DeadLettered { get; set; }

        public long TakenInByBroker { get; set; }

        public long Left { get; set; }

        public int Retries => FailedAttempts - FailedForGood;

        // A retry waits in a queue of its own and comes back: the broker takes it in once more.
        public bool Agrees => Published == Handled + DeadLettered && InHandlers == 0 && Left == 0 && TakenInByBroker == Published + Retries;
    }
}
