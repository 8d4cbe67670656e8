using EmbeddedMq.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

public sealed class CountedListTests
{
    [Fact]
    public void RandomAddsAndRemoves_AgreeWithAPlainList()
    {
        int seed = Seeds.Pick(20_260_102);
        for (int script = 0; script < Seeds.ScriptCount(200); script++)
        {
            Random random = Seeds.Generator(seed, script);
            FakeQueue[] items = [.. Enumerable.Range(0, random.Next(1, 60)).Select(i => new FakeQueue($"q{i}"))];
            CountedList<FakeQueue> list = new();
            List<FakeQueue> expected = [];
            for (int step = 0; step < 300; step++)
            {
                FakeQueue item = items[random.Next(items.Length)];
                if (random.Next(100) < (step < 150 ? 65 : 35))
                {
                    list.Add(item);
                    expected.Add(item);
                }
                else
                {
                    Assert.True(expected.Remove(item) == list.Remove(item), $"seed {seed}, script {script}, step {step}");
                }

                FakeQueue[] actual = [.. list.Places.ToArray().OfType<FakeQueue>()];
                Assert.True(expected.ToHashSet().SetEquals(actual), $"seed {seed}, script {script}, step {step}");
                Assert.True(actual.Length == list.Count, $"seed {seed}, script {script}, step {step}");
            }
        }
    }

    [Fact]
    public void Items_AfterRemovals_KeepTheirOrder()
    {
        FakeQueue[] items = [.. Enumerable.Range(0, 100).Select(i => new FakeQueue($"q{i}"))];
        CountedList<FakeQueue> list = new();
        Array.ForEach(items, list.Add);
        foreach (FakeQueue item in items.Where((_, i) => i % 3 != 0))
        {
            Assert.True(list.Remove(item));
        }

        Assert.Equal(items.Where((_, i) => i % 3 == 0), list.Places.ToArray().OfType<FakeQueue>());
        Assert.True(list.Places.Length < 100, "places without items go too");
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, 0)]
    [InlineData(8, 6)]
    [InlineData(40, 15)]
    public void TryPick_ManyTimes_TakesEachAsOften(int count, int removed)
    {
        int seed = Seeds.Pick(20_260_103);
        Random random = Seeds.Generator(seed);
        FakeQueue[] items = [.. Enumerable.Range(0, count).Select(i => new FakeQueue($"q{i}"))];
        CountedList<FakeQueue> list = new();
        Array.ForEach(items, list.Add);
        foreach (FakeQueue item in items.Take(removed))
        {
            list.Remove(item);
        }

        const int Picks = 40_000;
        Dictionary<FakeQueue, int> picked = [];
        for (int i = 0; i < Picks; i++)
        {
            Assert.True(list.TryPick(random, out FakeQueue? item));
            picked[item] = picked.GetValueOrDefault(item) + 1;
        }

        double fair = (double)Picks / (count - removed);
        Assert.Equal(items.Skip(removed).ToHashSet(), picked.Keys.ToHashSet());
        Assert.All(picked.Values, times => Assert.True(Math.Abs(times - fair) < 6 * Math.Sqrt(fair), $"seed {seed}: {times} of {fair:F0}"));
    }

    [Fact]
    public void TryPick_NothingThere_SaysSo() => Assert.False(new CountedList<FakeQueue>().TryPick(new Random(1), out _));

    [Fact]
    public async Task Readers_BesideAWriter_MeetEveryItemThatStays()
    {
        FakeQueue[] stay = [.. Enumerable.Range(0, 20).Select(i => new FakeQueue($"stay{i}"))];
        FakeQueue[] come = [.. Enumerable.Range(0, 200).Select(i => new FakeQueue($"come{i}"))];
        CountedList<FakeQueue> list = new();
        int seed = Seeds.Pick(20_260_104);
        await ReadersBesideWriter.RunAsync(
            seed,
            prepare: random =>
            {
                FakeQueue[] all = [.. stay, .. come];
                random.Shuffle(all);
                Array.ForEach(all, list.Add);
            },
            write: random =>
            {
                FakeQueue item = come[random.Next(come.Length)];
                if (!list.Remove(item))
                {
                    list.Add(item);
                }
            },
            read: () =>
            {
                HashSet<FakeQueue> met = [.. list.Places.ToArray().OfType<FakeQueue>()];
                Assert.True(met.IsSupersetOf(stay), $"seed {seed}");
            });
    }
}
