using System.Collections.Concurrent;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>A service of a message's scope that notes its end, or fails at it.</summary>
internal sealed class ScopeEnding : IDisposable
{
    public ConcurrentQueue<string>? Steps { get; init; }

    public Exception? Error { get; set; }

    public void Dispose()
    {
        Steps!.Enqueue("scope");
        if (Error is not null)
        {
            throw Error;
        }
    }
}
