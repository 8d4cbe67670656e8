using EmbeddedMq.Journal.Faster;

namespace EmbeddedMq.Tests.Journal;

/// <summary>CRC-32C, however it is computed, is what the standard says.</summary>
public sealed class ChecksumsTests
{
    [Fact]
    public void Crc32C_OfTheStandardsExample_IsItsValue()
        => Assert.Equal(0xE306_9283u, ~Checksums.Crc32C(~0u, "123456789"u8)); // RFC 3720, catalogue of parametrised CRC algorithms: check value of CRC-32/ISCSI

    [Fact]
    public void Crc32C_OfAnyLengthAndPlace_IsWhatBitByBitGives()
    {
        byte[] bytes = new byte[10_000];
        new Random(32).NextBytes(bytes);
        for (int length = 0; length < bytes.Length - 8; length += 1 + (length / 50))
        {
            ReadOnlySpan<byte> part = bytes.AsSpan(length % 8, length);
            uint before = (uint)length * 2_654_435_761;
            Assert.True(BitByBit(before, part) == Checksums.Crc32C(before, part), $"{length} bytes");
        }
    }

    private static uint BitByBit(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78u);
            }
        }

        return crc;
    }
}
