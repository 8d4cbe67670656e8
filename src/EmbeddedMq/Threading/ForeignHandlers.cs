namespace EmbeddedMq.Threading;

/// <summary>Calls an application's handlers of an event.</summary>
internal static class ForeignHandlers
{
    /// <summary>Calls each handler, one after the other; one that throws keeps nobody else from being told.</summary>
    /// <typeparam name="TArgs">What they are told.</typeparam>
    /// <param name="handlers">The event; <see langword="null"/> while nobody listens.</param>
    /// <param name="sender">Whose event it is.</param>
    /// <param name="args">What they are told.</param>
    /// <param name="report">Takes what a handler threw.</param>
    internal static void Call<TArgs>(EventHandler<TArgs>? handlers, object sender, TArgs args, Action<Exception> report)
    {
        foreach (EventHandler<TArgs> handler in Delegate.EnumerateInvocationList(handlers))
        {
            try
            {
                handler(sender, args);
            }
#pragma warning disable CA1031 // whatever the application throws
            catch (Exception error)
#pragma warning restore CA1031
            {
                report(error);
            }
        }
    }
}
