using System.Buffers.Binary;
using System.Globalization;

namespace EmbeddedMq;

/// <summary>What tells two messages of one id apart: 128 bits made from what the message says. Immutable.</summary>
/// <remarks>Made by whoever consumes (from body and chosen headers, or from a reference that the application supplies) and only compared and kept by stores.</remarks>
/// <param name="High">The first 64 bits.</param>
/// <param name="Low">The other 64.</param>
public readonly record struct Fingerprint(ulong High, ulong Low)
{
    /// <summary>How many bytes one has: 16.</summary>
    public const int ByteCount = 16;

    /// <summary>Reads one as <see cref="WriteTo"/> wrote it.</summary>
    /// <param name="bytes">Sixteen bytes.</param>
    /// <exception cref="ArgumentException">There are more or fewer.</exception>
    public static Fingerprint Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != ByteCount)
        {
            throw new ArgumentException($"A fingerprint has {ByteCount} bytes, not {bytes.Length}.", nameof(bytes));
        }

        return new Fingerprint(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
    }

    /// <summary>Writes it as sixteen bytes, the first bits first.</summary>
    /// <param name="bytes">Where to; at least sixteen bytes.</param>
    public void WriteTo(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Low);
    }

    /// <summary>Thirty-two hexadecimal digits.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{High:x16}{Low:x16}");
}
