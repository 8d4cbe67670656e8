using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EmbeddedMq.Journal.Faster;

/// <summary>CRC-32C (Castagnoli), the polynomial that processors compute.</summary>
/// <remarks>
/// <para>Each step of eight bytes needs the one before, and takes three cycles, in which the processor could do three. So long runs are cut into three
/// that are computed beside each other, and joined: what came before a run of n bytes counts times x^8n, modulo the polynomial. The product is
/// 64 bits, which one more step reduces; that step counts for x^33 (32 bits, and one because the bits are reflected), so x^(8n-33) is multiplied
/// with. Learned from: corsix.org, "Faster CRC32-C on x86"; Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction".</para>
/// <para>Without the instructions it is the same, step by step.</para>
/// </remarks>
internal static class Checksums
{
    // A third of a record of a kilobyte, and a run so long that joining does not count.
    private const int ShortRun = 40;
    private const int LongRun = 128;

    private static readonly Vector128<ulong> ShortShift = ShiftOf(ShortRun);
    private static readonly Vector128<ulong> ShortShiftTwice = ShiftOf(2 * ShortRun);
    private static readonly Vector128<ulong> LongShift = ShiftOf(LongRun);
    private static readonly Vector128<ulong> LongShiftTwice = ShiftOf(2 * LongRun);

    /// <summary>CRC-32C of some bytes.</summary>
    /// <param name="crc">What came before.</param>
    /// <param name="bytes">The bytes.</param>
    internal static uint Crc32C(uint crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        if (Pclmulqdq.IsSupported && Sse42.X64.IsSupported)
        {
            while (words.Length >= 3 * LongRun)
            {
                crc = OfThree(crc, words, LongRun, LongShift, LongShiftTwice);
                words = words[(3 * LongRun)..];
            }

            while (words.Length >= 3 * ShortRun)
            {
                crc = OfThree(crc, words, ShortRun, ShortShift, ShortShiftTwice);
                words = words[(3 * ShortRun)..];
            }
        }

        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        }

        foreach (byte rest in bytes[(bytes.Length & ~7)..])
        {
            crc = BitOperations.Crc32C(crc, rest);
        }

        return crc;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint OfThree(uint crc, ReadOnlySpan<ulong> words, int run, Vector128<ulong> shift, Vector128<ulong> shiftTwice)
    {
        ref ulong first = ref MemoryMarshal.GetReference(words);
        ulong left = crc;
        ulong middle = 0;
        ulong right = 0;
        for (int i = 0; i < run; i++)
        {
            left = Sse42.X64.Crc32(left, Unsafe.Add(ref first, i));
            middle = Sse42.X64.Crc32(middle, Unsafe.Add(ref first, run + i));
            right = Sse42.X64.Crc32(right, Unsafe.Add(ref first, (2 * run) + i));
        }

        Vector128<ulong> product = Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(left), shiftTwice, 0)
            ^ Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(middle), shift, 0);
        return (uint)(Sse42.X64.Crc32(0, product.ToScalar()) ^ right);
    }

    // x^(64 words - 33), reflected: the highest bit is 1, and each step of 32 zero bits counts for x^32.
    private static Vector128<ulong> ShiftOf(int words)
    {
        int exponent = (64 * words) - 33;
        uint power = 0x8000_0000u >> (exponent & 31);
        for (int i = exponent >> 5; i > 0; i--)
        {
            power = BitOperations.Crc32C(power, 0u);
        }

        return Vector128.CreateScalar((ulong)power);
    }
}
