using EmbeddedMq.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

public sealed class HeadersMatcherTests
{
    private readonly HeadersMatcher _matcher = new();
    private readonly FakeQueue _queue = new("q");

    [Theory]
    [InlineData(null, "a=1 b=2", "a=1 b=2", true)]
    [InlineData(null, "a=1 b=2", "a=1 b=2 c=3", true)]
    [InlineData(null, "a=1 b=2", "a=1", false)]
    [InlineData(null, "a=1 b=2", "a=1 b=3", false)]
    [InlineData("all", "a=1", "", false)]
    [InlineData("all", "a=1", "A=1", false)]
    [InlineData("any", "a=1 b=2", "a=1", true)]
    [InlineData("any", "a=1 b=2", "a=2 b=2", true)]
    [InlineData("any", "a=1 b=2", "a=2 b=1", false)]
    [InlineData("any", "a=1 b=2", "", false)]
    [InlineData("all", "a=1 x-b=2", "a=1", true)]
    [InlineData("all", "a=1 x-b=2", "a=1 x-b=9", true)]
    [InlineData("any", "a=1 x-b=2", "x-b=2", false)]
    [InlineData("all-with-x", "a=1 x-b=2", "a=1", false)]
    [InlineData("all-with-x", "a=1 x-b=2", "a=1 x-b=2", true)]
    [InlineData("any-with-x", "a=1 x-b=2", "x-b=2", true)]
    [InlineData("any-with-x", "a=1 x-b=2", "x-b=3", false)]
    [InlineData(null, "", "", true)] // no usable key: all matches everything …
    [InlineData("all", "", "a=1", true)]
    [InlineData("all", "x-b=2", "", true)]
    [InlineData("any", "", "a=1", false)] // … and any matches nothing
    [InlineData("any", "x-b=2", "x-b=2", false)]
    [InlineData("all-with-x", "", "", true)]
    [InlineData("any-with-x", "", "x-match=any-with-x", false)]
    [InlineData("all-with-x", "", "x-match=other", true)]
    [InlineData("all", "a", "a=1", true)] // a void value asks for presence
    [InlineData("all", "a", "a", true)]
    [InlineData("all", "a", "b=1", false)]
    [InlineData("any", "a b=2", "a=9", true)]
    [InlineData("any", "a b=2", "b=9", false)]
    [InlineData("all", "a=1", "a", false)]
    public void Match_ByXMatch_FollowsTheRules(string? match, string arguments, string headers, bool isMatch)
    {
        Binding binding = Bind(match, arguments);

        Assert.Equal(isMatch ? [_queue] : [], Match(Table(headers)));
        Assert.True(_matcher.Remove(binding));
        Assert.Empty(Match(Table(headers)));
    }

    [Fact]
    public void Remove_WhatIsNotThere_SaysSo()
    {
        Binding binding = Bind("any", "a=1");

        Assert.False(_matcher.Remove(new Binding("x", _queue, "", binding.Arguments))); // equal, but not the one that was added
        Assert.True(_matcher.Remove(binding));
        Assert.False(_matcher.Remove(binding));
        Assert.Equal(0, _matcher.BucketCount);
    }

    [Fact]
    public void RandomBindings_AgreeWithOneByOneComparison()
    {
        int seed = Seeds.Pick(20_260_109);
        string?[] kinds = [null, "all", "any", "all-with-x", "any-with-x"];
        for (int script = 0; script < Seeds.ScriptCount(200); script++)
        {
            Random random = Seeds.Generator(seed, script);
            HeadersMatcher matcher = new();
            List<Binding> bindings = [];
            for (int step = 0; step < 100; step++)
            {
                if (bindings.Count == 0 || random.Next(100) < (step < 50 ? 75 : 25))
                {
                    HeaderTable arguments = RandomTable(random);
                    string? kind = kinds[random.Next(kinds.Length)];
                    arguments = kind is null ? arguments : arguments.With("x-match", kind);
                    Binding binding = new("x", new FakeQueue($"q{step}"), "", arguments);
                    bindings.Add(binding);
                    matcher.Add(binding);
                }
                else
                {
                    int index = random.Next(bindings.Count);
                    Assert.True(matcher.Remove(bindings[index]), $"seed {seed}, script {script}, step {step}");
                    bindings.RemoveAt(index);
                }

                HeaderTable headers = RandomTable(random);
                DestinationSet actual = new();
                matcher.Match(headers, actual);
                HashSet<IDestination> expected = [.. bindings.Where(b => IsMatch(b.Arguments, headers)).Select(b => b.Destination)];
                Assert.True(
                    expected.SetEquals(actual.Items.ToArray()),
                    $"seed {seed}, script {script}, step {step}: expected {string.Join(' ', expected)}, was {string.Join(' ', actual.Items.ToArray().AsEnumerable())}");
            }

            Assert.All(bindings, binding => Assert.True(matcher.Remove(binding)));
            Assert.Equal(0, matcher.BucketCount);
        }
    }

    [Fact]
    public void Match_ManyBindings_ComparesFewOfThem()
    {
        for (int i = 0; i < 50_000; i++)
        {
            _matcher.Add(new Binding("x", _queue, "", HeaderTable.Of("type", "order").With("id", i)));
        }

        // One look-up by type and one by id: were all entered under their type, this would compare 50,000 bindings 20,000 times.
        DestinationSet set = new();
        HeaderTable headers = HeaderTable.Of("type", "order").With("id", 42);
        for (int i = 0; i < 20_000; i++)
        {
            set.Clear();
            _matcher.Match(headers, set);
        }

        Assert.Equal(1, set.OfferedCount);
        Assert.True(_matcher.BucketCount > 49_000);
    }

    [Fact]
    public void SteadyState_Match_AllocatesNothing()
    {
        Bind("all", "a=1 b=2");
        Bind("any", "a=1 text=word");
        Bind("all", "a");
        DestinationSet set = new();
        HeaderTable headers = HeaderTable.Of("a", 1).With("b", 2L).With("text", "word").With("bytes", new byte[] { 1, 2 });
        MatchOften();

        long before = GC.GetAllocatedBytesForCurrentThread();
        MatchOften();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(3, set.OfferedCount - 1); // that with any is met under both of its headers

        void MatchOften()
        {
            for (int i = 0; i < 100; i++)
            {
                set.Clear();
                _matcher.Match(headers, set);
            }
        }
    }

    [Fact]
    public async Task Readers_BesideAWriter_MeetEveryBindingThatStays()
    {
        FakeQueue[] stay = [.. Enumerable.Range(0, 3).Select(i => new FakeQueue($"stay{i}"))];
        List<Binding> present = [];
        HeaderTable headers = HeaderTable.Of("a", 1).With("b", 2);
        int seed = Seeds.Pick(20_260_110);
        await ReadersBesideWriter.RunAsync(
            seed,
            prepare: _ =>
            {
                _matcher.Add(new Binding("x", stay[0], "", HeaderTable.Of("a", 1).With("b", 2)));
                _matcher.Add(new Binding("x", stay[1], "", HeaderTable.Of("x-match", "any").With("b", 2).With("c", 3)));
                _matcher.Add(new Binding("x", stay[2], "", HeaderTable.Empty));
            },
            write: random =>
            {
                if (present.Count < random.Next(100))
                {
                    Binding binding = new("x", _queue, "", RandomTable(random).With("x-match", random.Next(2) == 0 ? "all" : "any"));
                    present.Add(binding);
                    _matcher.Add(binding);
                }
                else if (present.Count > 0)
                {
                    int index = random.Next(present.Count);
                    Assert.True(_matcher.Remove(present[index]));
                    present.RemoveAt(index);
                }
            },
            read: () => Assert.True(Match(headers).ToHashSet().IsSupersetOf(stay), $"seed {seed}"));
    }

    // Written from the rules, without an index: the reference of the random test.
    private static bool IsMatch(HeaderTable arguments, HeaderTable headers)
    {
        string match = arguments.GetValueOrDefault("x-match") as string ?? "all";
        bool[] results =
        [
            .. arguments
                .Where(a => a.Key != "x-match" && (match.EndsWith("-with-x", StringComparison.Ordinal) || !a.Key.StartsWith("x-", StringComparison.Ordinal)))
                .Select(a => headers.ContainsKey(a.Key) && (a.Value is null || Equals(AsLong(a.Value), AsLong(headers[a.Key])))),
        ];
        return match.StartsWith("any", StringComparison.Ordinal) ? results.Contains(true) : !results.Contains(false);

        static object? AsLong(object? value) => value is int number ? (long)number : value;
    }

    private static HeaderTable RandomTable(Random random)
    {
        string[] names = ["a", "b", "c", "x-a", "x-b"];
        object?[] values = [null, 1, 2, 1L, "1", true];
        HeaderTable table = HeaderTable.Empty;
        for (int i = random.Next(4); i > 0; i--)
        {
            table = table.With(names[random.Next(names.Length)], values[random.Next(values.Length)]);
        }

        return table;
    }

    // "a=1 b" is a header a with the integer 1, or else the text behind the sign, and a header b without a value.
    private static HeaderTable Table(string text) => new(text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(entry => entry.Split('='))
        .Select(parts => new KeyValuePair<string, object?>(
            parts[0],
            parts.Length == 1 ? null : int.TryParse(parts[1], out int number) ? number : parts[1])));

    private Binding Bind(string? match, string arguments)
    {
        Binding binding = new("x", _queue, "", match is null ? Table(arguments) : Table(arguments).With("x-match", match));
        _matcher.Add(binding);
        return binding;
    }

    private IDestination[] Match(HeaderTable headers)
    {
        DestinationSet set = new();
        _matcher.Match(headers, set);
        return set.Items.ToArray();
    }
}
