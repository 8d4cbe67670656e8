using EmbeddedMq.Queues;

namespace EmbeddedMq.TestSupport;

/// <summary>Does a pager's work on the threads of those who ask for it: what a call sets off has happened when it returns.</summary>
/// <remarks>Putting away may be asked for under a queue's gate; that waits for <see cref="RunAll"/>.</remarks>
internal sealed class PagerPump
{
    private readonly BacklogPager _pager;
    private int _isRunning;

    internal PagerPump(BacklogPager pager)
    {
        _pager = pager;
        pager.Wake = reason =>
        {
            if (reason != BacklogPager.WakeReason.Pressure && IsEager)
            {
                RunAll();
            }
        };
    }

    /// <summary>Whether requests are answered at once; otherwise with the next <see cref="RunAll"/>.</summary>
    internal bool IsEager { get; set; } = true;

    /// <summary>Whether it is at it.</summary>
    internal bool IsRunning => Volatile.Read(ref _isRunning) != 0;

    /// <summary>Works until nothing is left.</summary>
    internal void RunAll()
    {
        if (Interlocked.Exchange(ref _isRunning, 1) != 0)
        {
            return; // on this stack; it goes on there
        }

        try
        {
            while (_pager.DoNext())
            {
            }
        }
        finally
        {
            Volatile.Write(ref _isRunning, 0);
        }
    }
}
