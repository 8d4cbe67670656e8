using System.Buffers.Binary;
using System.Globalization;

namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Makes message ids: 32 hexadecimal digits, the first half drawn at random for each maker, the second half counted.</summary>
/// <remarks>Thread-safe. A new GUID for each message would cost more than handing the message over: about 500 ns, most of it for random bytes.</remarks>
internal sealed class MessageIds
{
    private readonly ulong _maker = BinaryPrimitives.ReadUInt64LittleEndian(Guid.NewGuid().ToByteArray());
    private ulong _last;

    /// <summary>The next id.</summary>
    public string Next() => string.Create(
        32,
        (_maker, Number: Interlocked.Increment(ref _last)),
        static (text, id) =>
        {
            id._maker.TryFormat(text, out _, "x16", CultureInfo.InvariantCulture);
            id.Number.TryFormat(text[16..], out _, "x16", CultureInfo.InvariantCulture);
        });
}
