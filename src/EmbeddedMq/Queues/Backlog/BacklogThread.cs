namespace EmbeddedMq.Queues;

/// <summary>The thread that does the pager's work, one piece after another. A thread of its own, because it waits for the disk.</summary>
/// <remarks>Thread-safe. A piece that throws is reported, and the next one follows.</remarks>
internal sealed class BacklogThread : IAsyncDisposable
{
    private readonly BacklogPager _pager;
    private readonly Action<Exception> _report;
    private readonly AutoResetEvent _woken = new(false);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isStopping;

    /// <summary>Starts the thread, and has the pager wake it.</summary>
    /// <param name="pager">The pager.</param>
    /// <param name="report">Takes what a piece of work threw.</param>
    internal BacklogThread(BacklogPager pager, Action<Exception> report)
    {
        _pager = pager;
        _report = report;
        pager.Wake = _ => Wake();
        new Thread(Run) { IsBackground = true, Name = "EmbeddedMq backlog" }.UnsafeStart();
        Wake();
    }

    /// <summary>Stops the thread after its piece of work, and waits for that.</summary>
    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        Wake();
        await _ended.Task.ConfigureAwait(false);
    }

    // Not disposed of, so that a late wake finds it: it holds nothing but itself.
    private void Wake() => _woken.Set();

    private void Run()
    {
        while (!_isStopping)
        {
            _woken.WaitOne();
            while (!_isStopping && TryDoNext())
            {
            }
        }

        _ended.TrySetResult();
    }

    private bool TryDoNext()
    {
        try
        {
            return _pager.DoNext();
        }
        catch (Exception error)
        {
            _report(error);
            return true; // others wait for the next piece, and nobody wakes this thread for them again
        }
    }
}
