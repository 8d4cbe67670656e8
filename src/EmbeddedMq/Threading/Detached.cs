namespace EmbeddedMq.Threading;

/// <summary>Starts work that belongs to nobody's call.</summary>
internal static class Detached
{
    /// <summary>Runs a loop on the thread pool, without the caller's ambient context: the first caller's trace or request must not live on in it.</summary>
    /// <param name="loop">The loop.</param>
    /// <returns>Its task; whoever started it awaits it.</returns>
    internal static Task Run(Func<Task> loop)
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            return Task.Run(loop);
        }

        using (ExecutionContext.SuppressFlow())
        {
            return Task.Run(loop);
        }
    }
}
