using EmbeddedMq.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

public sealed class KeyedTableTests
{
    [Fact]
    public void RandomAddsAndRemoves_AgreeWithADictionary()
    {
        int seed = Seeds.Pick(20_260_105);
        for (int script = 0; script < Seeds.ScriptCount(100); script++)
        {
            Random random = Seeds.Generator(seed, script);
            string[] keys = [.. Enumerable.Range(0, random.Next(1, 200)).Select(i => i == 0 ? "" : $"key{i}")];
            KeyedTable table = new();
            Dictionary<string, Entry> expected = [];
            for (int step = 0; step < 1000; step++)
            {
                string key = keys[random.Next(keys.Length)];
                if (expected.TryGetValue(key, out Entry? entry))
                {
                    if (random.Next(100) < (step < 500 ? 35 : 65))
                    {
                        Assert.True(table.Remove(entry), $"seed {seed}, script {script}, step {step}");
                        Assert.False(table.Remove(entry), $"seed {seed}, script {script}, step {step}");
                        expected.Remove(key);
                    }
                }
                else
                {
                    table.Add(expected[key] = new Entry(key));
                }

                string other = keys[random.Next(keys.Length)];
                Assert.True(ReferenceEquals(expected.GetValueOrDefault(other), table.Find(other)), $"seed {seed}, script {script}, step {step}");
                Assert.True(expected.Count == table.Count, $"seed {seed}, script {script}, step {step}");
            }
        }
    }

    [Fact]
    public void Find_ByAPartOfAText_FindsTheEntryOfThatPart()
    {
        KeyedTable table = new();
        Entry entry = new("a.word.b", 2, 4);
        table.Add(entry);

        Assert.Same(entry, table.Find("some word".AsSpan(5)));
        Assert.Null(table.Find("a.word.b"));
    }

    private sealed class Entry(string text, int start, int length) : KeyedEntry(text, start, length)
    {
        public Entry(string text)
            : this(text, 0, text.Length)
        {
        }
    }
}
