namespace EmbeddedMq.Threading;

/// <summary>Runs actions one after another on the thread pool, in the order in which they came: for notifications that must not run under a gate.</summary>
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
