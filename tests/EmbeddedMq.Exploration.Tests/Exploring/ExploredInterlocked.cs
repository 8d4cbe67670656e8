using System.Diagnostics.CodeAnalysis;
using Real = System.Threading.Interlocked;

namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>The interlocked operations that the broker uses, with a point before and after each.</summary>
internal static class ExploredInterlocked
{
    public static int Add(ref int location, int value)
    {
        ExploredThread.Current?.Point();
        int result = Real.Add(ref location, value);
        ExploredThread.Current?.Point();
        return result;
    }

    public static long Add(ref long location, long value)
    {
        ExploredThread.Current?.Point();
        long result = Real.Add(ref location, value);
        ExploredThread.Current?.Point();
        return result;
    }

    public static ulong Or(ref ulong location, ulong value)
    {
        ExploredThread.Current?.Point();
        ulong result = Real.Or(ref location, value);
        ExploredThread.Current?.Point();
        return result;
    }

    public static ulong Increment(ref ulong location)
    {
        ExploredThread.Current?.Point();
        ulong result = Real.Increment(ref location);
        ExploredThread.Current?.Point();
        return result;
    }

    public static int Increment(ref int location) => Add(ref location, 1);

    public static long Increment(ref long location) => Add(ref location, 1);

    public static int Decrement(ref int location) => Add(ref location, -1);

    public static long Decrement(ref long location) => Add(ref location, -1);

    public static T Exchange<T>(ref T location, T value)
    {
        ExploredThread.Current?.Point();
        T result = Real.Exchange(ref location, value);
        ExploredThread.Current?.Point();
        return result;
    }

    public static T CompareExchange<T>([NotNullIfNotNull(nameof(value))] ref T location, T value, T comparand)
    {
        ExploredThread.Current?.Point();
        T result = Real.CompareExchange(ref location, value, comparand);
        ExploredThread.Current?.Point();
        return result;
    }

    public static long Read(ref readonly long location) => Real.Read(in location);

    public static void MemoryBarrierProcessWide() => MemoryBarrier();

    public static void MemoryBarrier()
    {
        ExploredThread.Current?.Point();
        Real.MemoryBarrier();
    }
}
