using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using EmbeddedMq.Tests.Architecture.MadeUp.Channels;

namespace EmbeddedMq.Tests.Architecture.MadeUp.Queues;

// One type per way to name a type of a folder above; together they read better in one file.

internal sealed class InBaseType : MadeUpChannel;

internal sealed class InInterface : IMadeUpChannel;

#pragma warning disable CS0649 // nobody assigns these fields: it is enough that they are declared
internal sealed class InField
{
    public MadeUpChannel? Channel;
}

internal sealed class InGenericArgumentOfField
{
    public Dictionary<string, List<MadeUpChannel[]>>? Channels;
}
#pragma warning restore CS0649

internal sealed class InProperty
{
    public MadeUpChannel? Channel { get; set; }
}

internal sealed class InEvent
{
    public event Action<MadeUpChannel>? Closed
    {
        add { }
        remove { }
    }
}

internal sealed class InParameter
{
    public static bool Uses([SuppressMessage("Style", "IDE0060")] ref MadeUpChannel? channel) => true;
}

internal sealed class InReturnType
{
    public static MadeUpChannel? Get() => null;
}

internal sealed class InConstraint<T>
    where T : MadeUpChannel
{
    public T? Value { get; set; }
}

[MadeUpChannel]
internal sealed class InAttribute;

internal sealed class InTypeOf
{
    public static string Name() => typeof(MadeUpChannel).Name;
}

internal sealed class InNew
{
    public static object Create() => new MadeUpChannel();
}

internal sealed class InCast
{
    public static bool Is(object value) => value is MadeUpChannel;
}

internal sealed class InStaticField
{
    public static int Read() => MadeUpChannel.Tag;
}

internal sealed class InGenericCall
{
    public static object Create() => Activator.CreateInstance<MadeUpChannel>();
}

internal sealed class InLocal
{
    public static bool IsNull(object? value)
    {
        MadeUpChannel? channel = Unsafe.As<object?, MadeUpChannel?>(ref value);
        return channel is null;
    }
}

internal sealed class InCatch
{
    public static bool Try(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (MadeUpChannelException)
        {
            return false;
        }
    }
}

internal sealed class InLambda
{
    public static Action<object> Closer() => value => ((MadeUpChannel)value).Close();
}

internal sealed class InAsyncMethod
{
    public static async Task CloseAsync(Task<object> value)
    {
        object channel = await value;
        ((MadeUpChannel)channel).Close();
    }
}

internal sealed class InIterator
{
    public static IEnumerable<object> Create()
    {
        yield return 1;
        yield return new MadeUpChannel();
    }
}

internal sealed class InNestedType
{
    public sealed class Nested : IMadeUpChannel;
}

internal interface IInInterfaceMember
{
    MadeUpChannel Channel { get; }
}

internal delegate void InDelegate(MadeUpChannel channel);

internal record struct InRecord(MadeUpChannel Channel);

internal sealed class InSwitchOverManyCases
{
    // The instruction that jumps through a table has an operand of its own length.
    public static object Create(int value) => value switch
    {
        0 => 1.5,
        1 => 1.5f,
        2 => 20_000_000_000L,
        3 => "three",
        4 => value + 1,
        _ => new MadeUpChannel(),
    };
}
