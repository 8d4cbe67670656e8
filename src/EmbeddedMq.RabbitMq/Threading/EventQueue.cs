namespace EmbeddedMq.RabbitMq.Threading;

/// <summary>Runs the application's event handlers one after another on the thread pool, never on the loop that reads the connection:
/// a handler that took its time there would keep every confirm and delivery from coming in.</summary>
/// <remarks>Thread-safe. An action that throws is reported and does not stop the next.</remarks>
/// <param name="report">Takes what an action threw.</param>
internal sealed class EventQueue(Action<Exception> report)
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

        ThreadPool.UnsafeQueueUserWorkItem(static queue => queue.RunAll(), this, preferLocal: false);
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
