using System.Runtime.ExceptionServices;

namespace EmbeddedMq.Queues;

/// <summary>Carries out what queues have noted in their <see cref="QueueAftermath"/>, on the thread that noted it.</summary>
/// <remarks>
/// Carrying out the one's may give rise to another's: a dead letter makes the next queue drop its head, and so on along a chain as long as an
/// application cares to make it. One loop a thread works that off from a list of its own, depth first, so that the stack does not grow with the chain.
/// </remarks>
internal sealed class AftermathRunner
{
    [ThreadStatic]
    private static AftermathRunner? _ofThread;

    private readonly Stack<Queue> _open = new();
    private readonly List<Queue> _begun = []; // by the piece of work in progress, in order
    private bool _isRunning;

    /// <summary>Carries out a queue's aftermath and all that it gives rise to; within such a run, leaves it to that run.</summary>
    /// <param name="queue">The queue; its aftermath has been begun, so that this thread alone carries it out.</param>
    /// <remarks>What a piece of work throws is thrown when all is done: others wait for the rest.</remarks>
    internal static void Run(Queue queue)
    {
        AftermathRunner runner = _ofThread ??= new AftermathRunner();
        if (runner._isRunning)
        {
            runner._begun.Add(queue);
            return;
        }

        runner._isRunning = true;
        try
        {
            runner._open.Push(queue);
            runner.RunAll();
        }
        finally
        {
            runner._isRunning = false;
        }
    }

    /// <summary>Does something, and carries out what queues have noted only when it is done.</summary>
    /// <param name="work">What is done first.</param>
    internal static void RunAfter(Action work)
    {
        AftermathRunner runner = _ofThread ??= new AftermathRunner();
        if (runner._isRunning)
        {
            work();
            return;
        }

        runner._isRunning = true;
        try
        {
            work();
        }
        finally
        {
            try
            {
                runner.OpenBegun();
                runner.RunAll();
            }
            finally
            {
                runner._isRunning = false;
            }
        }
    }

    private void RunAll()
    {
        ExceptionDispatchInfo? failure = null;
        while (_open.TryPeek(out Queue? queue))
        {
            try
            {
                if (!queue.TryCarryOutNext())
                {
                    _open.Pop();
                }
            }
            catch (Exception error)
            {
                failure ??= ExceptionDispatchInfo.Capture(error);
            }

            OpenBegun();
        }

        failure?.Throw();
    }

    private void OpenBegun()
    {
        for (int i = _begun.Count - 1; i >= 0; i--)
        {
            _open.Push(_begun[i]); // the first that began is the first to be carried out
        }

        _begun.Clear();
    }
}
