using System.Runtime.InteropServices;

namespace EmbeddedMq.Threading;

/// <summary>A counter with a cache line of its own: where it changes with every message, what lies beside it would be taken from other threads.</summary>
/// <remarks>Thread-safe.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct LoneCounter
{
    [FieldOffset(64)]
    private long _value;

    /// <summary>The count.</summary>
    internal readonly long Value => Volatile.Read(in _value);

    /// <summary>Counts one.</summary>
    internal void Increment() => Interlocked.Increment(ref _value);
}
