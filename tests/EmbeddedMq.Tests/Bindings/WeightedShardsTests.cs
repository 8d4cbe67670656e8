using EmbeddedMq.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

public sealed class WeightedShardsTests
{
    private const int KeyCount = 20_000;

    private static readonly ulong[] Keys = [.. Enumerable.Range(0, KeyCount).Select(i => StableHash.OfText($"order.{i}"))];
    private static readonly FakeQueue[] Queues = [.. Enumerable.Range(0, 50).Select(i => new FakeQueue($"q{i}"))];

    private readonly WeightedShards _shards = new();

    [Theory]
    [InlineData("1 1")]
    [InlineData("1 3")]
    [InlineData("1 1 1 1 1 1 1 1")]
    [InlineData("1 2 3 4")]
    [InlineData("10 1000")]
    [InlineData("1000000000 3000000000")]
    public void Find_ManyKeys_SharesFollowTheWeights(string list)
    {
        long[] weights = [.. list.Split(' ').Select(long.Parse)];
        for (int i = 0; i < weights.Length; i++)
        {
            _shards.Add(Queues[i], weights[i]);
        }

        ILookup<IDestination?, ulong> found = Keys.ToLookup(_shards.Find);
        for (int i = 0; i < weights.Length; i++)
        {
            double share = (double)weights[i] / weights.Sum();
            double deviation = Math.Sqrt(KeyCount * share * (1 - share));
            Assert.InRange(found[Queues[i]].Count(), (KeyCount * share) - (5 * deviation), (KeyCount * share) + (5 * deviation));
        }
    }

    [Fact]
    public void Find_Nothing_IsNull()
    {
        Assert.Null(_shards.Find(1));
        _shards.Add(Queues[0], 1);
        Assert.True(_shards.Remove(Queues[0], 1));
        Assert.Null(_shards.Find(1));
    }

    [Fact]
    public void Changes_OneAfterTheOther_MoveOnlyKeysOfTheChangedDestination()
    {
        int seed = Seeds.Pick(20_260_111);
        Random random = Seeds.Generator(seed);
        Dictionary<FakeQueue, long> present = [];
        IDestination?[] before = Find();
        for (int step = 0; step < 60; step++)
        {
            FakeQueue changed = Queues[random.Next(20)];
            bool isAdded = !present.Remove(changed, out long weight);
            if (isAdded)
            {
                weight = random.Next(1, 4);
                present.Add(changed, weight);
                _shards.Add(changed, weight);
            }
            else
            {
                Assert.True(_shards.Remove(changed, weight));
            }

            IDestination?[] after = Find();
            int wrong = Enumerable.Range(0, KeyCount).FirstOrDefault(
                i => !ReferenceEquals(before[i], after[i]) && !ReferenceEquals(isAdded ? after[i] : before[i], changed), -1);
            Assert.True(
                wrong < 0,
                $"seed {seed}, step {step}: {(isAdded ? "adding" : "removing")} {changed} moved a key between two others");
            before = after;
        }
    }

    [Fact]
    public void Find_SameDestinationsInAnotherOrder_FindsTheSame()
    {
        WeightedShards other = new();
        for (int i = 0; i < 10; i++)
        {
            _shards.Add(Queues[i], (i % 3) + 1);
            other.Add(new FakeQueue($"q{9 - i}"), ((9 - i) % 3) + 1);
        }

        Assert.Equal(Keys.Take(1000).Select(key => _shards.Find(key)!.Name), Keys.Take(1000).Select(key => other.Find(key)!.Name));
    }

    [Fact]
    public void Add_DestinationAgain_KeepsTheFirstWeightUntilItIsRemoved()
    {
        _shards.Add(Queues[0], 1);
        _shards.Add(Queues[1], 1);
        IDestination?[] equal = Find();

        _shards.Add(Queues[0], 1000);
        Assert.Equal(equal, Find());

        Assert.False(_shards.Remove(Queues[0], 7));
        Assert.True(_shards.Remove(Queues[0], 1));
        Assert.InRange(Find().Count(found => ReferenceEquals(found, Queues[0])), (int)(KeyCount * 0.99), KeyCount);

        Assert.True(_shards.Remove(Queues[0], 1000));
        Assert.All(Find(), found => Assert.Same(Queues[1], found));
        Assert.False(_shards.Remove(Queues[0], 1000));
    }

    [Fact]
    public async Task Readers_BesideAWriter_AlwaysFindADestination()
    {
        int seed = Seeds.Pick(20_260_112);
        HashSet<(FakeQueue, long)> present = [];
        await ReadersBesideWriter.RunAsync(
            seed,
            prepare: _ => _shards.Add(Queues[0], 2),
            write: random =>
            {
                (FakeQueue Queue, long Weight) item = (Queues[random.Next(1, 12)], random.Next(1, 4));
                if (present.Add(item))
                {
                    _shards.Add(item.Queue, item.Weight);
                }
                else
                {
                    present.Remove(item);
                    Assert.True(_shards.Remove(item.Queue, item.Weight));
                }
            },
            read: () => Assert.NotNull(_shards.Find((ulong)Environment.CurrentManagedThreadId)));
    }

    private IDestination?[] Find() => [.. Keys.Select(_shards.Find)];
}
