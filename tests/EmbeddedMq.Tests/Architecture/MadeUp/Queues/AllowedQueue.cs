using EmbeddedMq.Tests.Architecture.MadeUp.Errors;

namespace EmbeddedMq.Tests.Architecture.MadeUp.Queues;

/// <summary>Names only a leaf: no violation.</summary>
internal sealed class AllowedQueue
{
    public MadeUpError? Error { get; set; }
}
