using EmbeddedMq.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

public sealed class DirectTableTests
{
    private readonly DirectTable _table = new();
    private readonly FakeQueue _one = new("one");
    private readonly FakeQueue _two = new("two");

    [Theory]
    [InlineData("key", "key", true)]
    [InlineData("", "", true)]
    [InlineData("key", "Key", false)]
    [InlineData("key", "key ", false)]
    [InlineData("a.*", "a.b", false)]
    [InlineData("#", "", false)]
    [InlineData("\u00e9", "e\u0301", false)] // equal to the eye, not byte for byte
    public void Match_Key_MustBeEqual(string bindingKey, string routingKey, bool isMatch)
    {
        _table.Add(bindingKey, _one);

        Assert.Equal(isMatch ? [_one] : [], Match(routingKey));
    }

    [Fact]
    public void Remove_DestinationBoundTwice_StaysUntilTheSecond()
    {
        _table.Add("key", _one);
        _table.Add("key", _two);
        _table.Add("key", _one);

        Assert.True(_table.Remove("key", _one));
        Assert.Equal([_one, _two], Match("key"));
        Assert.True(_table.Remove("key", _one));
        Assert.Equal([_two], Match("key"));
        Assert.False(_table.Remove("key", _one));
        Assert.False(_table.Remove("other", _one));
        Assert.True(_table.Remove("key", _two));
        Assert.Empty(Match("key"));
        Assert.Equal(0, _table.KeyCount);
    }

    [Fact]
    public async Task Readers_BesideAWriter_MeetEveryBindingThatStays()
    {
        FakeQueue[] noise = [.. Enumerable.Range(0, 30).Select(i => new FakeQueue($"noise{i}"))];
        HashSet<(string, FakeQueue)> present = [];
        int seed = Seeds.Pick(20_260_106);
        await ReadersBesideWriter.RunAsync(
            seed,
            prepare: _ =>
            {
                _table.Add("shared", _one);
                _table.Add("own", _two);
            },
            write: random =>
            {
                (string Key, FakeQueue Queue) item = (random.Next(3) == 0 ? "shared" : $"key{random.Next(100)}", noise[random.Next(noise.Length)]);
                if (present.Add(item))
                {
                    _table.Add(item.Key, item.Queue);
                }
                else
                {
                    present.Remove(item);
                    Assert.True(_table.Remove(item.Key, item.Queue));
                }
            },
            read: () =>
            {
                Assert.Contains(_one, Match("shared"));
                Assert.Equal([_two], Match("own"));
            });
    }

    private IDestination[] Match(string routingKey)
    {
        DestinationSet set = new();
        _table.Match(routingKey, set);
        return set.Items.ToArray();
    }
}
