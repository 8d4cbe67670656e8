using Real = System.Threading.Volatile;

namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>The volatile reads and writes that the broker uses, with a point before and after each read and after each write.</summary>
internal static class ExploredVolatile
{
    public static T Read<T>(ref readonly T location)
        where T : class?
    {
        ExploredThread.Current?.Point();
        T value = Real.Read(in location);
        ExploredThread.Current?.Point();
        return value;
    }

    public static int Read(ref readonly int location)
    {
        ExploredThread.Current?.Point();
        int value = Real.Read(in location);
        ExploredThread.Current?.Point();
        return value;
    }

    public static uint Read(ref readonly uint location)
    {
        ExploredThread.Current?.Point();
        uint value = Real.Read(in location);
        ExploredThread.Current?.Point();
        return value;
    }

    public static long Read(ref readonly long location)
    {
        ExploredThread.Current?.Point();
        long value = Real.Read(in location);
        ExploredThread.Current?.Point();
        return value;
    }

    public static ulong Read(ref readonly ulong location)
    {
        ExploredThread.Current?.Point();
        ulong value = Real.Read(in location);
        ExploredThread.Current?.Point();
        return value;
    }

    public static bool Read(ref readonly bool location)
    {
        ExploredThread.Current?.Point();
        bool value = Real.Read(in location);
        ExploredThread.Current?.Point();
        return value;
    }

    public static void Write<T>(ref T location, T value)
        where T : class?
    {
        Real.Write(ref location, value);
        ExploredThread.Current?.Point();
    }

    public static void Write(ref int location, int value)
    {
        Real.Write(ref location, value);
        ExploredThread.Current?.Point();
    }

    public static void Write(ref uint location, uint value)
    {
        Real.Write(ref location, value);
        ExploredThread.Current?.Point();
    }

    public static void Write(ref long location, long value)
    {
        Real.Write(ref location, value);
        ExploredThread.Current?.Point();
    }

    public static void Write(ref ulong location, ulong value)
    {
        Real.Write(ref location, value);
        ExploredThread.Current?.Point();
    }

    public static void Write(ref bool location, bool value)
    {
        Real.Write(ref location, value);
        ExploredThread.Current?.Point();
    }

    public static void ReadBarrier() => Real.ReadBarrier();

    public static void WriteBarrier() => Real.WriteBarrier();
}
