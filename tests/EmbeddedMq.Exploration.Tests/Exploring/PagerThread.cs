using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>The pager's thread as one of a scenario's: next to nothing stays in memory, and what it does comes between what the others do.</summary>
/// <remarks>A get that waits goes on in the thread pool, where the explorer does not see it; consumers stand for it in scenarios with a pager.</remarks>
internal sealed class PagerThread
{
    private readonly BacklogPager _pager;
    private volatile bool _isWoken;
    private volatile bool _isEager;
    private bool _isRunning;

    private PagerThread(BacklogPager pager)
    {
        _pager = pager;
        pager.Wake = reason =>
        {
            _isWoken = true;
            if (_isEager && reason != BacklogPager.WakeReason.Pressure)
            {
                RunAll();
            }
        };
    }

    /// <summary>Explores a scenario with such a thread.</summary>
    /// <inheritdoc cref="Explorer.ExploreAsync"/>
    internal static Task<int> ExploreAsync(Func<Scenario, PagerThread, Task> scenario, int seed, int most)
    {
        PagerThread? thread = null;
        return Explorer.ExploreAsync(
            run => scenario(run, thread!),
            seed,
            most,
            options =>
            {
                options.BacklogStore = new FakeBacklogStore();
                options.BacklogMemoryBytes = 1;
                options.BacklogSettings = new BacklogSettings { FirstPageMessages = 1, PageMessages = 2, WindowMessages = 1, SliceMessages = 1, RestMs = 0 };
                options.BacklogStarted = pager => thread = new PagerThread(pager);
            });
    }

    /// <summary>Works until nothing is left.</summary>
    internal void RunAll()
    {
        if (_isRunning)
        {
            return; // on this stack; it goes on there
        }

        _isRunning = true;
        while (_pager.DoNext())
        {
        }

        _isRunning = false;
    }

    /// <summary>Works whenever there is something to do, until the others are done.</summary>
    internal void RunUntil(Func<bool> isDone)
    {
        while (!isDone())
        {
            _isWoken = false;
            RunAll();
            ExploredThread.Current!.WaitFor(() => _isWoken || isDone());
        }
    }

    /// <summary>Works from now on when it is asked to: after the threads have ended.</summary>
    internal void RunWhenAsked() => _isEager = true;
}
