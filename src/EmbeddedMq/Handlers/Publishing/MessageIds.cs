using System.Buffers.Binary;
using System.Globalization;

namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Makes message ids: 32 hexadecimal digits, the first half drawn at random for each maker, the second half counted.</summary>
/// <remarks>Thread-safe. A new GUID for each message would cost more than handing the message over: about 500 ns, most of it for random bytes.</remarks>
internal sealed class MessageIds
{
    private const int HalfLength = 16;

    private readonly string _maker = BinaryPrimitives.ReadUInt64LittleEndian(Guid.NewGuid().ToByteArray()).ToString("x16", CultureInfo.InvariantCulture);
    private ulong _last;

    /// <summary>The next id.</summary>
    public string Next() => string.Create(
        2 * HalfLength,
        (_maker, Number: Interlocked.Increment(ref _last)),
        static (text, id) =>
        {
            id._maker.CopyTo(text);
            ulong rest = id.Number;
            for (int i = text.Length - 1; i >= HalfLength; i--, rest >>= 4)
            {
                text[i] = "0123456789abcdef"[(int)(rest & 15)];
            }
        });
}
