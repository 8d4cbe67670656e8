using EmbeddedMq.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

public sealed class DestinationSetTests
{
    private static readonly FakeQueue[] Queues = [.. Enumerable.Range(0, 3000).Select(i => new FakeQueue($"q{i}"))];

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(1000)]
    public void Add_Repeated_KeepsEachOnceInOrder(int count)
    {
        DestinationSet set = new();
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(round == 0, set.Add(Queues[i]));
            }
        }

        Assert.Equal(count, set.Count);
        Assert.Equal(3 * count, set.OfferedCount);
        Assert.Equal(Queues[..count], set.Items.ToArray());
    }

    [Fact]
    public void Clear_AfterAnyHistory_LeavesNothingBehind()
    {
        int seed = Seeds.Pick(20_260_101);
        Random random = Seeds.Generator(seed);
        DestinationSet set = new();
        for (int round = 0; round < 500; round++)
        {
            set.Clear();
            Assert.True(set.Count == 0 && set.OfferedCount == 0, $"seed {seed}, round {round}");
            bool isWide = random.Next(10) == 0;
            FakeQueue[] added = [.. Enumerable.Range(0, isWide ? 2500 : random.Next(40)).Select(_ => Queues[random.Next(isWide ? Queues.Length : 20)])];

            bool[] isNew = [.. added.Select(set.Add)];

            HashSet<FakeQueue> expected = [];
            Assert.True(added.Select(expected.Add).SequenceEqual(isNew), $"seed {seed}, round {round}");
            Assert.True(set.Items.ToArray().SequenceEqual(added.Distinct()), $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public void SteadyState_UpToTheRetainedCapacity_AllocatesNothing()
    {
        DestinationSet set = new();
        Fill(set);
        Fill(set);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Fill(set);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        static void Fill(DestinationSet set)
        {
            set.Clear();
            for (int i = 0; i < DestinationSet.RetainedCapacity; i++)
            {
                set.Add(Queues[i]);
            }
        }
    }
}
