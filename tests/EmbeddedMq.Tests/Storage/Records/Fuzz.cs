using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Tests.Storage.Records;

/// <summary>Feeds a reader with what nobody wrote: it gives a value or <see cref="RecordFormatException"/>, and allocates in proportion.</summary>
internal static class Fuzz
{
    // Of a byte that is read at most: a boxed value, its slot in a list that grew, and in an array; of a failure: the exception and its text.
    private const int MaxAllocatedPerByte = 256;
    private const int MaxAllocatedBesides = 64 * 1024;

    /// <summary>Every truncation, every byte replaced, bytes appended, and random bytes behind every beginning.</summary>
    /// <param name="sample">Good bytes.</param>
    /// <param name="seed">The seed of the random bytes; in every failure.</param>
    /// <param name="read">Reads everything there is.</param>
    /// <param name="write">Optional: writes again what was read. What is accepted must come out as it went in: one form for one value.</param>
    public static void Attack(byte[] sample, int seed, Action<byte[]> read, Func<byte[], byte[]>? write = null)
    {
        Random random = new(seed);
        read(sample);
        for (int length = 0; length < sample.Length; length++)
        {
            Try(sample[..length], $"first {length} bytes of {Convert.ToHexString(sample)}", read, write);
            Try([.. sample[..length], .. RandomBytes(random, random.Next(40))], $"random behind {length}, seed {seed}", read, write);
        }

        for (int i = 0; i < sample.Length; i++)
        {
            foreach (int value in (int[])[sample[i] ^ 0xFF, sample[i] ^ (1 << random.Next(8)), sample[i] + 1, sample[i] - 1, 0, 0x7F, 0xFF])
            {
                byte[] changed = [.. sample];
                changed[i] = (byte)value;
                Try(changed, $"byte {i} as {(byte)value} in {Convert.ToHexString(sample)}", read, write);
            }
        }

        for (int i = 0; i < 200; i++)
        {
            Try(RandomBytes(random, random.Next(200)), $"random {i}, seed {seed}", read, write);
            Try([.. sample, .. RandomBytes(random, 1 + random.Next(20))], $"appended {i}, seed {seed}", read, write);
        }
    }

    private static byte[] RandomBytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static void Try(byte[] bytes, string what, Action<byte[]> read, Func<byte[], byte[]>? write)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isGood = false;
        try
        {
            read(bytes);
            isGood = true;
        }
        catch (RecordFormatException)
        {
        }
        catch (Exception error)
        {
            Assert.Fail($"{what}: {error}");
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= MaxAllocatedBesides + (MaxAllocatedPerByte * (long)bytes.Length), $"{what}: {allocated} bytes allocated");
        if (isGood && write is not null)
        {
            Assert.True(bytes.AsSpan().SequenceEqual(write(bytes)), $"{what}: accepted, but written differently");
        }
    }
}
