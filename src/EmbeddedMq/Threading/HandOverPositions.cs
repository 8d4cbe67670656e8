using System.Runtime.InteropServices;

namespace EmbeddedMq.Threading;

/// <summary>How far the two sides of a <see cref="HandOverList{T}"/> are in one of its rings. They count on beyond its length.</summary>
/// <remarks>What each side writes lies on cache lines of its own.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal struct HandOverPositions
{
    /// <summary>How many items have been put.</summary>
    [FieldOffset(64)]
    internal volatile int Put;

    /// <summary>How many had been taken when the putting side last looked.</summary>
    [FieldOffset(68)]
    internal int TakenSeen;

    /// <summary>How many items have been taken.</summary>
    [FieldOffset(128)]
    internal volatile int Taken;

    /// <summary>How many had been put when the taking side last looked.</summary>
    [FieldOffset(132)]
    internal int PutSeen;
}
