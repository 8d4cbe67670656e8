using System.Runtime.InteropServices;

namespace EmbeddedMq.Threading;

/// <summary>How far the two sides of a <see cref="HandOverList{T}"/> are in one of its rings. They count on beyond its length.</summary>
/// <remarks>What each side writes lies on cache lines of its own: pairs of them, as processors fetch them.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 384)]
internal struct HandOverPositions
{
    /// <summary>How many items have been put.</summary>
    [FieldOffset(128)]
    internal volatile int Put;

    /// <summary>How many had been taken when the putting side last looked.</summary>
    [FieldOffset(132)]
    internal int TakenSeen;

    /// <summary>How many items have been taken.</summary>
    [FieldOffset(256)]
    internal volatile int Taken;

    /// <summary>How many had been put when the taking side last looked.</summary>
    [FieldOffset(260)]
    internal int PutSeen;
}
