namespace EmbeddedMq;

/// <summary>A message's body that is made when somebody first reads it: a message by reference carries one.</summary>
/// <remarks>
/// <para>A broker that keeps its data in memory passes the message on as it is, so that a receiver who knows the class of this object can take
/// what is in it without any bytes. Whoever asks for the bytes gets them, made once, whoever asks. A broker that sends or stores messages asks when it is
/// published to, before it takes any responsibility: what the making throws, publishing throws.</para>
/// <para>Thread-safe; what it is made of must never change.</para>
/// </remarks>
public abstract class LazyBody
{
    private byte[]? _bytes;

    /// <summary>Makes a body that has no bytes yet.</summary>
    /// <param name="countedBytes">How many bytes it counts for wherever bytes are counted: memory, length limits, the largest message. Zero or more.</param>
    protected LazyBody(int countedBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(countedBytes);
        CountedBytes = countedBytes;
    }

    /// <summary>How many bytes it counts for while its message has none.</summary>
    public int CountedBytes { get; }

    /// <summary>The bytes; made by the first call.</summary>
    public ReadOnlyMemory<byte> Bytes => Volatile.Read(ref _bytes) ?? MakeOnce();

    /// <summary>Makes the bytes. May be called by several threads at once; of several results one counts.</summary>
    /// <returns>A new array, which nobody changes any more.</returns>
    protected abstract byte[] Make();

    private byte[] MakeOnce()
    {
        byte[] made = Make();
        return Interlocked.CompareExchange(ref _bytes, made, null) ?? made;
    }
}
