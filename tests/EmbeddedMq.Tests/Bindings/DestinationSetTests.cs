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
            Assert.True(set.Count == 0 && set.OfferedCount == 0, $"seed {seed}");
            List<FakeQueue> expected = [];
            int adds = random.Next(4) == 0 ? 2500 : random.Next(40);
            for (int i = 0; i < adds; i++)
            {
                FakeQueue queue = Queues[random.Next(adds < 40 ? 20 : Queues.Length)];
                bool isNew = !expected.Contains(queue);
                if (isNew)
                {
                    expected.Add(queue);
                }

                Assert.True(isNew == set.Add(queue), $"seed {seed}, round {round}");
            }

            Assert.True(set.Items.ToArray().SequenceEqual(expected), $"seed {seed}, round {round}");
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
