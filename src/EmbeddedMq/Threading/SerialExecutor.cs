namespace EmbeddedMq.Threading;

/// <summary>Runs actions one after another on the thread pool, in the order in which they came: for notifications that must not run under a gate, and for
/// handlers of the application that must not hold up the thread which has something to tell.</summary>
/// <remarks>Thread-safe. An action that throws is reported and does not stop the next.</remarks>
/// <param name="report">Takes what an action threw.</param>
internal sealed class SerialExecutor(Action<Exception> report)
{
    private readonly Queue<Action> _actions = new(); // guarded by itself
    private bool _running;                           // guarded by _actions

    /// <summary>Runs an action after those that came before.</summary>
    /// <param name="action">The action.</param>
    internal void Post(Action action)
    {
        lock (_actions)
        {
            _actions.Enqueue(action);
            if (_running)
            {
                return;
            }

            _running = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static executor => executor.RunAll(), this, preferLocal: false);
    }

    /// <summary>Completes when everything that was posted before has run.</summary>
    internal Task DrainAsync()
    {
        lock (_actions)
        {
            if (!_running)
            {
                return Task.CompletedTask;
            }
        }

        TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(drained.SetResult);
        return drained.Task;
    }

    private void RunAll()
    {
        while (true)
        {
            Action? action;
            lock (_actions)
            {
                if (!_actions.TryDequeue(out action))
                {
                    _running = false;
                    return;
                }
            }

            try
            {
                action();
            }
            catch (Exception error)
            {
                report(error);
            }
        }
    }
}
