using System.Diagnostics;
using EmbeddedMq.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

public sealed class TopicTrieTests
{
    private readonly TopicTrie _trie = new();
    private readonly FakeQueue _queue = new("q");

    [Theory]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("", ".", false)]
    [InlineData("a", "a", true)]
    [InlineData("a", "A", false)]
    [InlineData("a", "a.", false)]
    [InlineData("a.", "a.", true)]
    [InlineData("a.", "a", false)]
    [InlineData(".", ".", true)]
    [InlineData(".", "..", false)]
    [InlineData("a..b", "a..b", true)]
    [InlineData("*", "a", true)]
    [InlineData("*", "", false)]
    [InlineData("*", "a.b", false)]
    [InlineData("*", ".", false)]
    [InlineData("a.*", "a.", true)]
    [InlineData("a.*", "a", false)]
    [InlineData("a.*", "a.b.c", false)]
    [InlineData("a.*.b", "a..b", true)]
    [InlineData("a.*.b", "a.b", false)]
    [InlineData("*.*", ".", true)]
    [InlineData("*.*", "a", false)]
    [InlineData("#", "", true)]
    [InlineData("#", "a", true)]
    [InlineData("#", "a.b.c", true)]
    [InlineData("#", ".", true)]
    [InlineData("a.#", "a", true)]
    [InlineData("a.#", "a.", true)]
    [InlineData("a.#", "a.b.c", true)]
    [InlineData("a.#", "", false)]
    [InlineData("a.#", "b", false)]
    [InlineData("#.b", "b", true)]
    [InlineData("#.b", "a.b", true)]
    [InlineData("#.b", "b.b", true)]
    [InlineData("#.b", "b.a", false)]
    [InlineData("#.b", "", false)]
    [InlineData("#.error", "a.b.error", true)]
    [InlineData("a.#.z", "a.z", true)]
    [InlineData("a.#.z", "a.b.c.z", true)]
    [InlineData("a.#.z", "a", false)]
    [InlineData("a.#.a", "a", false)]
    [InlineData("#.*", "", false)]
    [InlineData("#.*", "a", true)]
    [InlineData("#.*", "a.b", true)]
    [InlineData("*.#", "", false)]
    [InlineData("*.#", "a", true)]
    [InlineData("*.#", ".", true)]
    [InlineData("#.#", "", true)]
    [InlineData("#.#", "a.b", true)]
    [InlineData("#.a.#", "a", true)]
    [InlineData("#.a.#", "b.a.c", true)]
    [InlineData("#.a.#", "b", false)]
    [InlineData("#.a.#.b.#", "x.a.y.b.z", true)]
    [InlineData("#.a.#.b.#", "b.a", false)]
    [InlineData("#.*.#", "a", true)]
    [InlineData("#.*.#.*.#", "a", false)]
    [InlineData("#.*.#.*.#", "a.b", true)]
    [InlineData("a*", "a*", true)]
    [InlineData("a*", "ab", false)]
    [InlineData("#a", "a", false)]
    [InlineData("##", "a", false)]
    [InlineData("##", "##", true)]
    [InlineData("a", "*", false)]
    [InlineData("a", "#", false)]
    [InlineData("*", "*", true)]
    [InlineData("#", "#", true)]
    [InlineData("*.a", "#.a", true)]
    public void Match_Key_FollowsTheRulesOfWords(string bindingKey, string routingKey, bool isMatch)
    {
        _trie.Add(bindingKey, _queue);

        Assert.Equal(isMatch ? [_queue] : [], Match(routingKey));
        Assert.Equal(isMatch, NaiveTopic.IsMatch(bindingKey, routingKey)); // the reference of the random test below
    }

    [Fact]
    public void RandomBindings_AgreeWithANaiveMatcher()
    {
        int seed = Seeds.Pick(20_260_107);
        for (int script = 0; script < Seeds.ScriptCount(300); script++)
        {
            Random random = Seeds.Generator(seed, script);
            FakeQueue[] queues = [.. Enumerable.Range(0, 6).Select(i => new FakeQueue($"q{i}"))];
            List<(string Key, FakeQueue Queue)> bindings = [];
            TopicTrie trie = new();
            for (int step = 0; step < 120; step++)
            {
                if (bindings.Count == 0 || random.Next(100) < (step < 60 ? 70 : 30))
                {
                    (string Key, FakeQueue Queue) binding = (NaiveTopic.RandomKey(random, "a", "b", "", "*", "#"), queues[random.Next(queues.Length)]);
                    trie.Add(binding.Key, binding.Queue);
                    bindings.Add(binding);
                }
                else
                {
                    (string Key, FakeQueue Queue) binding = bindings[random.Next(bindings.Count)];
                    Assert.True(trie.Remove(binding.Key, binding.Queue), $"seed {seed}, script {script}, step {step}");
                    bindings.Remove(binding);
                }

                string routingKey = NaiveTopic.RandomKey(random, "a", "b", "", "c");
                HashSet<IDestination> expected = [.. bindings.Where(b => NaiveTopic.IsMatch(b.Key, routingKey)).Select(b => b.Queue)];
                DestinationSet actual = new();
                trie.Match(routingKey, actual);
                Assert.True(
                    expected.SetEquals(actual.Items.ToArray()),
                    $"seed {seed}, script {script}, step {step}: key '{routingKey}', bindings {string.Join(' ', bindings)}");
            }

            foreach ((string key, FakeQueue queue) in bindings)
            {
                Assert.True(trie.Remove(key, queue), $"seed {seed}, script {script}");
            }

            Assert.True(trie.IsEmpty, $"seed {seed}, script {script}: nodes are left behind");
        }
    }

    [Fact]
    public void Remove_WhatIsNotThere_ChangesNothing()
    {
        _trie.Add("a.b", _queue);

        Assert.False(_trie.Remove("a", _queue));
        Assert.False(_trie.Remove("a.b.c", _queue));
        Assert.False(_trie.Remove("a.*", _queue));
        Assert.False(_trie.Remove("a.b", new FakeQueue("q")));
        Assert.Equal([_queue], Match("a.b"));
    }

    [Fact]
    public void Match_ManyHashesAndALongKey_EndsSoon()
    {
        // Tried naively, each # multiplies the ways by the number of words: more than 10^20 here.
        string bindingKey = string.Join('.', Enumerable.Repeat("#.a", 12)) + ".#.b";
        _trie.Add(bindingKey, _queue);
        _trie.Add("#.#.#.#.#.#.#.#.#.#.#.#.*.#.b", _queue);

        Assert.Empty(Match(string.Join('.', Enumerable.Repeat("a", 127))));
        Assert.Equal([_queue], Match(string.Join('.', Enumerable.Repeat("a", 126)) + ".b"));
        Assert.Equal([_queue], Match(new string('.', 253) + "b"));
    }

    [Fact]
    public void SteadyState_Match_AllocatesNothing()
    {
        foreach (string key in (string[])["order.eu.placed", "order.*.placed", "order.#", "#.placed", "#.eu.#.placed.#", "other"])
        {
            _trie.Add(key, new FakeQueue(key));
        }

        DestinationSet set = new();
        MatchOften();
        long before = GC.GetAllocatedBytesForCurrentThread();
        MatchOften();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(5, set.Count);

        void MatchOften()
        {
            for (int i = 0; i < 100; i++)
            {
                set.Clear();
                _trie.Match("order.eu.placed", set);
            }
        }
    }

    [Fact]
    public void Match_BindingsWithOtherWords_CostNothing()
    {
        _trie.Add("order.1.placed", _queue);
        _trie.Add("order.*.placed", _queue);
        TimeSpan alone = FastestOf(MatchOften);
        for (int i = 2; i < 200_000; i++)
        {
            _trie.Add($"order.{i}.placed", _queue);
        }

        TimeSpan among = FastestOf(MatchOften);

        // Caches miss more often, no more than that; looking at each binding would cost 10,000 times as much.
        Assert.True(among < alone * 20, $"{alone} alone, {among} among 200,000");
        for (int i = 1; i < 200_000; i++)
        {
            Assert.True(_trie.Remove($"order.{i}.placed", _queue));
        }

        Assert.True(_trie.Remove("order.*.placed", _queue));
        Assert.True(_trie.IsEmpty);

        void MatchOften()
        {
            DestinationSet set = new();
            for (int i = 0; i < 2000; i++)
            {
                set.Clear();
                _trie.Match("order.1.placed", set);
            }
        }
    }

    [Fact]
    public async Task Readers_BesideAWriter_MeetEveryBindingThatStays()
    {
        FakeQueue[] stay = [.. Enumerable.Range(0, 4).Select(i => new FakeQueue($"stay{i}"))];
        FakeQueue[] noise = [.. Enumerable.Range(0, 10).Select(i => new FakeQueue($"noise{i}"))];
        List<(string Key, FakeQueue Queue)> present = [];
        int seed = Seeds.Pick(20_260_108);
        await ReadersBesideWriter.RunAsync(
            seed,
            prepare: _ =>
            {
                _trie.Add("a.b.c", stay[0]);
                _trie.Add("a.*.c", stay[1]);
                _trie.Add("#.c", stay[2]);
                _trie.Add("#.b.#", stay[3]);
            },
            write: random =>
            {
                if (present.Count < random.Next(300))
                {
                    (string Key, FakeQueue Queue) item = (NaiveTopic.RandomKey(random, "a", "b", "c", "d", "*", "#"), noise[random.Next(noise.Length)]);
                    present.Add(item);
                    _trie.Add(item.Key, item.Queue);
                }
                else if (present.Count > 0)
                {
                    int index = random.Next(present.Count);
                    Assert.True(_trie.Remove(present[index].Key, present[index].Queue));
                    present[index] = present[^1];
                    present.RemoveAt(present.Count - 1);
                }
            },
            read: () => Assert.True(Match("a.b.c").ToHashSet().IsSupersetOf(stay), $"seed {seed}"));
    }

    private static TimeSpan FastestOf(Action action)
    {
        TimeSpan fastest = TimeSpan.MaxValue;
        for (int i = 0; i < 20; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            fastest = elapsed < fastest ? elapsed : fastest;
        }

        return fastest;
    }

    private IDestination[] Match(string routingKey)
    {
        DestinationSet set = new();
        _trie.Match(routingKey, set);
        return set.Items.ToArray();
    }
}
