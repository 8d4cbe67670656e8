using System.Diagnostics;

namespace EmbeddedMq.Diagnostics;

/// <summary>Calls instruments and spans, and with them the application's listeners: what these throw ends here.</summary>
/// <remarks>A listener that throws costs its readings. Without this it would end the worker that handles messages, or the relay's.</remarks>
internal static class Listeners
{
    /// <summary>Records something.</summary>
    /// <typeparam name="TState">What is to be recorded.</typeparam>
    /// <param name="state">What is to be recorded.</param>
    /// <param name="record">Records it.</param>
    internal static void Tell<TState>(TState state, Action<TState> record)
    {
        try
        {
            record(state);
        }
#pragma warning disable CA1031 // whatever the application throws
        catch (Exception)
#pragma warning restore CA1031
        {
            // Nobody to tell: a log for each reading would be worse than none.
        }
    }

    /// <summary>Begins a span.</summary>
    /// <typeparam name="TState">What it is about.</typeparam>
    /// <param name="state">What it is about.</param>
    /// <param name="start">Begins it.</param>
    /// <returns>The span; <see langword="null"/> where nobody wants it, or beginning it failed.</returns>
    internal static Activity? Start<TState>(TState state, Func<TState, Activity?> start)
    {
        Activity? around = Activity.Current;
        try
        {
            return start(state);
        }
#pragma warning disable CA1031 // see above
        catch (Exception)
#pragma warning restore CA1031
        {
            Activity.Current = around; // one whose listener failed has begun nevertheless
            return null;
        }
    }
}
