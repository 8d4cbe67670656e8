using System.Globalization;
using System.Text;

namespace EmbeddedMq.Bindings;

/// <summary>Hash codes that are the same in every run, so that a message's key leads to the same queue after a restart.</summary>
/// <remarks>FNV-1a over bytes with the finalizer of MurmurHash3, which spreads them over all 64 bits. Not for hash tables whose keys strangers choose.</remarks>
internal static class StableHash
{
    private const ulong OffsetBasis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    // Strings are hashed by their UTF-8 bytes, in pieces of this many characters.
    private const int PieceLength = 256;

    /// <summary>Hashes a text by its bytes in UTF-8.</summary>
    /// <param name="text">The text.</param>
    internal static ulong OfText(ReadOnlySpan<char> text)
    {
        Span<byte> buffer = stackalloc byte[PieceLength * 3];
        ulong hash = OffsetBasis;
        while (!text.IsEmpty)
        {
            int length = Math.Min(text.Length, PieceLength);
            if (length < text.Length && char.IsHighSurrogate(text[length - 1]))
            {
                length--; // a pair stays together
            }

            int bytes = Encoding.UTF8.GetBytes(text[..length], buffer);
            hash = Continue(hash, buffer[..bytes]);
            text = text[length..];
        }

        return Mix(hash);
    }

    /// <summary>Hashes bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    internal static ulong OfBytes(ReadOnlySpan<byte> bytes) => Mix(Continue(OffsetBasis, bytes));

    /// <summary>Hashes a value of a field table: values that <see cref="HeaderValue.Matches"/> takes as equal have equal hash codes.</summary>
    /// <param name="value">The value. Of lists and tables only the number of entries counts.</param>
    internal static ulong OfValue(object? value) => value switch
    {
        null => Mix(OffsetBasis + 1),
        string text => OfText(text),
        byte[] bytes => OfBytes(bytes),
        bool flag => Mix(OffsetBasis + (flag ? 2ul : 3ul)),
        float or double => Mix(OffsetBasis ^ (ulong)BitConverter.DoubleToInt64Bits(Convert.ToDouble(value, CultureInfo.InvariantCulture) + 0.0)),
        decimal number => Mix(OffsetBasis ^ (uint)number.GetHashCode()),
        DateTimeOffset time => Mix(OffsetBasis + (ulong)time.ToUnixTimeSeconds()),
        IReadOnlyCollection<KeyValuePair<string, object?>> table => Mix(OffsetBasis + 4 + (ulong)table.Count),
        IReadOnlyCollection<object?> list => Mix(OffsetBasis + 5 + (ulong)list.Count),
        _ => HeaderTable.TryGetInteger(value, out long number) ? Mix((ulong)number) : 0,
    };

    /// <summary>Joins two hash codes; their order counts.</summary>
    /// <param name="first">One.</param>
    /// <param name="second">The other.</param>
    internal static ulong Combine(ulong first, ulong second) => Mix((first * Prime) ^ second);

    private static ulong Continue(ulong hash, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            hash = (hash ^ value) * Prime;
        }

        return hash;
    }

    private static ulong Mix(ulong hash)
    {
        hash ^= hash >> 33;
        hash *= 0xff51afd7ed558ccd;
        hash ^= hash >> 33;
        hash *= 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}
