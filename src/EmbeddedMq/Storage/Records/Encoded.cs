using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace EmbeddedMq.Storage.Records;

/// <summary>How many bytes values take when <see cref="ByteWriter"/> writes them.</summary>
internal static class Encoded
{
    /// <summary>The length of a varint, 1 to 10 bytes.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int VarintLength(ulong value) => ((BitOperations.Log2(value | 1) * 9) + 73) >> 6; // (bits + 6) / 7, without dividing

    /// <summary>The length of a text with its length in front.</summary>
    /// <param name="text">The text.</param>
    internal static int TextLength(string text)
    {
        int bytes = Encoding.UTF8.GetByteCount(text);
        return VarintLength((uint)bytes) + bytes;
    }

    /// <summary>The length of bytes with their length in front.</summary>
    /// <param name="bytes">How many bytes.</param>
    internal static int BlobLength(int bytes) => VarintLength((uint)bytes) + bytes;

    /// <summary>The length of a <see cref="StoredId"/> written by itself.</summary>
    /// <param name="id">The id.</param>
    internal static int IdLength(StoredId id) => VarintLength((ulong)id.Address) + VarintLength((uint)id.Index);

    /// <summary>Folds the sign into the lowest bit, so that numbers near zero are short varints.</summary>
    /// <param name="value">The value.</param>
    internal static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    /// <summary>A hash of a short text, for places in memory; not stored. FNV-1a, its upper bits folded into the lower.</summary>
    /// <param name="utf8">The text.</param>
    internal static int HashOf(ReadOnlySpan<byte> utf8)
    {
        uint hash = 2_166_136_261;
        foreach (byte next in utf8)
        {
            hash = (hash ^ next) * 16_777_619;
        }

        return (int)(hash ^ (hash >> 15));
    }

    /// <summary>Undoes <see cref="ZigZag"/>.</summary>
    /// <param name="value">The folded value.</param>
    internal static long UnZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}
