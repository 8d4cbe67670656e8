using EmbeddedMq.Journal;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Journal;

public sealed class KeyedRingTests
{
    [Fact]
    public void Empty_HasNothing()
    {
        KeyedRing<long> ring = new();

        Assert.Equal(0, ring.Count);
        Assert.False(ring.TryFind(1, out _));
        Assert.False(ring.TryPeek(out _));
    }

    [Fact]
    public void Replaced_TheOldOneLeavesWithoutTheKey()
    {
        KeyedRing<long> ring = new();
        ring.Put(1, 10);
        ring.Put(2, 20);
        ring.Put(1, 11);
        Assert.Equal(2, ring.Count);

        ring.Drop();

        Assert.Equal(2, ring.Count);
        Assert.True(ring.TryFind(1, out long value));
        Assert.Equal(11, value);
        ring.Drop();
        Assert.False(ring.TryFind(2, out _));
        ring.Drop();
        Assert.False(ring.TryFind(1, out _));
        Assert.Equal(0, ring.Count);
        Assert.False(ring.TryPeek(out _));
    }

    [Fact]
    public void Keys_ThatDifferInOneBit_AreToldApart()
    {
        KeyedRing<long> ring = new();
        for (int bit = 0; bit < 128; bit++)
        {
            ring.Put(UInt128.One << bit, bit);
        }

        for (int bit = 0; bit < 128; bit++)
        {
            Assert.True(ring.TryFind(UInt128.One << bit, out long value));
            Assert.Equal(bit, value);
        }
    }

    [Theory]
    [InlineData(uint.MaxValue)] // keys spread over the index
    [InlineData(0xF)]           // sixteen places for all of them: long runs, which every drop shortens
    [InlineData(0xFFFFFFF0)]    // none of them in the last places: runs that begin at the end of the index and go on at its beginning
    public void Random_PutsAndDrops_AgreeWithAList(uint bits)
    {
        int seed = Seeds.Pick(977);
        Random random = Seeds.Generator(seed, (int)(bits & 0xFF));
        KeyedRing<long> ring = new();
        Queue<(UInt128 Key, long Value)> order = new();
        Dictionary<UInt128, long> last = [];
        for (int step = 0; step < 20_000; step++)
        {
            UInt128 key = KeyOf(random.Next(600), bits);
            if (random.Next(20) < (step / 2_000 % 2 == 0 ? 12 : 8) || order.Count == 0)
            {
                ring.Put(key, step);
                order.Enqueue((key, step));
                last[key] = step;
            }
            else
            {
                Assert.True(ring.TryPeek(out long oldest) && IsAt(oldest), $"Seed {seed}, step {step}: {oldest} is the oldest");
                ring.Drop();
                (UInt128 dropped, long value) = order.Dequeue();
                if (last[dropped] == value)
                {
                    last.Remove(dropped);
                }
            }

            UInt128 asked = KeyOf(random.Next(600), bits);
            long? expected = last.TryGetValue(asked, out long known) ? known : null;
            long? found = ring.TryFind(asked, out long there) ? there : null;
            Assert.True(found == expected && ring.Count == last.Count, $"Seed {seed}, step {step}: {found} instead of {expected}, {ring.Count} instead of {last.Count}");
        }

        // What was replaced leaves when room is made, so a value that was put may be gone from the front.
        bool IsAt(long oldest)
        {
            while (order.Peek().Value != oldest && last.GetValueOrDefault(order.Peek().Key, -1) != order.Peek().Value)
            {
                order.Dequeue();
            }

            return order.Peek().Value == oldest;
        }
    }

    [Fact]
    public void OneKey_PutAgainAndAgain_TakesNoMoreRoom()
    {
        KeyedRing<long> ring = new();
        ring.Put(1, 0);
        for (int i = 0; i < 1_000; i++)
        {
            ring.Put(2, i); // the first alone would not let the others leave
        }

        Assert.Equal(64, ring.Length);
        Assert.True(ring.TryPeek(out long oldest));
        Assert.Equal(0, oldest);
    }

    private static UInt128 KeyOf(int number, uint bits)
        => new((ulong)number * 0x9E3779B97F4A7C15, ((ulong)number << 32) | ((uint)number * 0x85EBCA6B & bits));
}
