using System.Collections.Concurrent;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Queues;

/// <summary>Keeps the ready messages of one broker within a budget of memory: puts away what is far from a head, and brings back what comes near one.</summary>
/// <remarks>
/// <para>Thread-safe. It knows the pieces of work, and whose turn it is; <see cref="BacklogThread"/> does them one after another. A piece that
/// brings messages back goes before one that puts some away, and they take turns while there are both.</para>
/// <para>Lock order: it takes a queue's gate under nothing, and its own under a queue's.</para>
/// </remarks>
internal sealed class BacklogPager
{
    private const long ManyBytes = 64L << 20;

    private const long SmallestWindowBytes = 16 * 1024;

    // Gets that come one after another ask the disk, and fill the log, no more often than this.
    private const long FreshFailureMs = 1_000;

    private readonly MemoryLedger _memory;
    private readonly Scheduler _scheduler;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<Queue, byte> _queues = new();
    private readonly ConcurrentQueue<Queue> _requests = new();
    private readonly ConcurrentDictionary<Queue, ReadRetry> _retries = new(); // queues whose pages cannot be read
    private readonly QueueTimer _rest;
    private int _isWorking;
    private volatile bool _isResting; // above the budget, and no queue had anything to give

    // Of whoever works.
    private readonly HashSet<Queue> _exhausted = [];
    private bool _isRelieving;
    private long _bytesAtCollection; // at the begin of the relief, or when its memory was collected last
    private bool _holdsAway; // queues have gone to disk, and have not been consumed nearly to their end since
    private bool _wasPageIn;

    /// <summary>Makes a pager.</summary>
    /// <param name="store">Where messages go.</param>
    /// <param name="settings">How much stays in memory.</param>
    /// <param name="memory">The count of bytes in memory; whoever makes it calls <see cref="NotePressure"/> above the budget.</param>
    /// <param name="scheduler">For trying again.</param>
    /// <param name="logger">For failures.</param>
    internal BacklogPager(IBacklogStore store, BacklogSettings settings, MemoryLedger memory, Scheduler scheduler, ILogger logger)
    {
        Store = store;
        Settings = settings;
        _memory = memory;
        _scheduler = scheduler;
        _logger = logger;
        _rest = new QueueTimer(Nudge);
    }

    /// <summary>Where messages go.</summary>
    internal IBacklogStore Store { get; }

    /// <summary>How much stays in memory.</summary>
    internal BacklogSettings Settings { get; }

    /// <summary>Called when there is something to do: under a queue's gate for <see cref="WakeReason.Pressure"/>, else outside all of a queue's.</summary>
    internal Action<WakeReason> Wake { get; set; } = static _ => { };

    /// <summary>Knows a queue from here on.</summary>
    /// <param name="queue">The queue.</param>
    internal void Register(Queue queue) => _queues.TryAdd(queue, 0);

    /// <summary>Knows a queue no longer, because it is deleted.</summary>
    /// <param name="queue">The queue.</param>
    internal void Forget(Queue queue)
    {
        _queues.TryRemove(queue, out _);
        EndRetrying(queue);
    }

    /// <summary>Sees to it that messages of a queue come back from disk. Called outside the queue's gate, as often as one likes.</summary>
    /// <param name="queue">The queue.</param>
    internal void Request(Queue queue)
    {
        if (_retries.ContainsKey(queue) || !queue.TryMarkPageRequest())
        {
            return; // its turn comes anyway
        }

        _requests.Enqueue(queue);
        Wake(WakeReason.Request);
    }

    /// <summary>Whether messages of a queue could not be read, and that was so lately that nobody need wait for another try.</summary>
    /// <param name="queue">The queue.</param>
    internal bool HasJustFailed(Queue queue)
        => _retries.TryGetValue(queue, out ReadRetry? retry) && _scheduler.Clock.NowMs - retry.FailedAtMs < FreshFailureMs;

    /// <summary>Tries at once what could not be read, because somebody waits for it. Called outside the queue's gate.</summary>
    /// <param name="queue">The queue.</param>
    internal void TryAgain(Queue queue)
    {
        if (_retries.TryGetValue(queue, out ReadRetry? retry))
        {
            Retry(retry);
        }
    }

    /// <summary>Notes that messages take more memory than the budget. May be called under any gate, as often as one likes.</summary>
    internal void NotePressure()
    {
        if (!_isResting)
        {
            Wake(WakeReason.Pressure);
        }
    }

    /// <summary>Looks again at once whether messages can be put away. The store calls it when more has come to disk, outside all gates.</summary>
    internal void Nudge()
    {
        _isResting = false;
        Wake(WakeReason.Retry);
    }

    /// <summary>Does one piece of work: one page back, or one slice away.</summary>
    /// <returns><see langword="false"/> when there is nothing to do until the next wake, or another caller is at it.</returns>
    internal bool DoNext()
    {
        if (Interlocked.Exchange(ref _isWorking, 1) != 0)
        {
            return false;
        }

        try
        {
            if (_wasPageIn && PutSomeAway())
            {
                _wasPageIn = false;
                return true;
            }

            _wasPageIn = _requests.TryDequeue(out Queue? queue);
            if (_wasPageIn)
            {
                BringBack(queue!);
                return true;
            }

            return PutSomeAway();
        }
        finally
        {
            Interlocked.Exchange(ref _isWorking, 0);
        }
    }

    private void BringBack(Queue queue)
    {
        if (queue.TryBeginPageIn() is not { } page)
        {
            EndRetrying(queue); // nothing is wanted there any more, and what is wanted next must be heard
            if (queue.IsPageWanted)
            {
                Request(queue); // since then, when the mark of the retry was still there
            }

            return;
        }

        try
        {
            page.Read(Store, queue);
        }
        catch (Exception error)
        {
            if (queue.NoteReadError(page, error))
            {
                RetryLater(queue, error);
                queue.EndWaiting();
            }
            else
            {
                EndRetrying(queue);
                Request(queue); // it is elsewhere now
            }

            return;
        }

        EndRetrying(queue);
        while (queue.TakeIn(page))
        {
        }
    }

    private void RetryLater(Queue queue, Exception error)
    {
        ReadRetry retry = _retries.GetOrAdd(queue, static (key, pager) => new ReadRetry(key, pager.Retry), this);
        long delayMs = retry.NextDelayMs(_scheduler.Clock.NowMs);
        BrokerLog.BacklogReadFailed(_logger, queue.Name, delayMs, error);
        _scheduler.Schedule(retry, _scheduler.Clock.NowMs + delayMs);
        if (!_queues.ContainsKey(queue))
        {
            Forget(queue); // deleted beside this
        }
    }

    private void Retry(ReadRetry retry)
    {
        // The mark stays while it is tried, so that the delays go on growing; it goes with the first page that can be read.
        if (retry.Queue.TryMarkPageRequest())
        {
            _requests.Enqueue(retry.Queue);
        }

        Wake(WakeReason.Retry);
    }

    private void EndRetrying(Queue queue)
    {
        if (!_retries.IsEmpty && _retries.TryRemove(queue, out ReadRetry? retry))
        {
            _scheduler.Schedule(retry, ScheduledWork.Never);
        }
    }

    // From the queue with the most in memory; a queue that has nothing to give, or may not give it yet, is passed over until the next round.
    private bool PutSomeAway()
    {
        long mostBytes = _holdsAway ? Settings.BudgetBesideAwayBytes : Settings.BudgetBytes;
        if (_isResting || _memory.Bytes <= (_isRelieving ? mostBytes - (mostBytes / 8) : mostBytes))
        {
            EndRelief();
            return false;
        }

        if (!_isRelieving)
        {
            _isRelieving = true;
            _bytesAtCollection = _memory.Bytes;
        }

        CollectWhatHasGone();
        Queue? largest = null;
        long largestBytes = 0;
        int queueCount = 0;
        foreach ((Queue queue, _) in _queues)
        {
            long bytes = queue.ResidentBytes;
            queueCount += bytes > 0 ? 1 : 0;
            if (bytes > largestBytes && !_exhausted.Contains(queue))
            {
                largest = queue;
                largestBytes = bytes;
            }
        }

        if (largest is null)
        {
            EndRelief();
            Rest();
            return false;
        }

        // Many queues share what the heads may take.
        long windowBytes = Math.Clamp(Settings.BudgetBytes / (4L * queueCount), Math.Min(SmallestWindowBytes, Settings.WindowBytes), Settings.WindowBytes);
        _exhausted.Add(largest); // should it throw, it is passed over too
        if (largest.PutAway(new PageOut(Settings.WindowMessages, windowBytes, Settings.SliceMessages, Settings.SliceBytes)) > 0)
        {
            _exhausted.Remove(largest);
            _holdsAway = true;
        }

        return true;
    }

    private void Rest()
    {
        if (Settings.RestMs > 0)
        {
            _isResting = true;
            _scheduler.Schedule(_rest, _scheduler.Clock.NowMs + Settings.RestMs);
        }
    }

    private void EndRelief()
    {
        if (_isRelieving)
        {
            CollectWhatHasGone();
        }

        _isRelieving = false;
        _holdsAway &= _memory.Bytes > Settings.BudgetBesideAwayBytes / 4;
        _exhausted.Clear();
    }

    // What has just gone had waited long, and is in the collector's old generation, which it looks into when that has grown as much again: measured, the
    // process came to three times the budget. In the background, and so often that publishers do not fill as much again meanwhile.
    private void CollectWhatHasGone()
    {
        if (_bytesAtCollection - _memory.Bytes > ManyBytes)
        {
            _bytesAtCollection = _memory.Bytes;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }
    }

    /// <summary>Why there is something to do.</summary>
    internal enum WakeReason
    {
        /// <summary>A queue wants messages back.</summary>
        Request,

        /// <summary>Messages take more memory than they should.</summary>
        Pressure,

        /// <summary>Something that did not go is to be tried again.</summary>
        Retry,
    }

    private sealed class ReadRetry(Queue queue, Action<ReadRetry> run) : ScheduledWork
    {
        private const long FirstDelayMs = 100;
        private const long LongestDelayMs = 30_000;

        private long _delayMs = FirstDelayMs / 2;
        private long _failedAtMs = long.MinValue / 2; // not yet

        internal Queue Queue { get; } = queue;

        /// <summary>When it was tried last. Written by whoever works, read anywhere.</summary>
        internal long FailedAtMs => Volatile.Read(ref _failedAtMs);

        internal long NextDelayMs(long nowMs)
        {
            Volatile.Write(ref _failedAtMs, nowMs);
            return _delayMs = Math.Min(_delayMs * 2, LongestDelayMs);
        }

        internal override void Run() => run(this);
    }
}
