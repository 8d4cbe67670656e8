namespace EmbeddedMq.Tests.Bindings;

/// <summary>Topic matching as one would write it down: two lists of words and a recursion. Slow, and easy to believe.</summary>
internal static class NaiveTopic
{
    public static bool IsMatch(string bindingKey, string routingKey) => IsMatch(Words(bindingKey), Words(routingKey));

    public static string RandomKey(Random random, params string[] words)
        => string.Join('.', Enumerable.Range(0, random.Next(6)).Select(_ => words[random.Next(words.Length)]));

    private static bool IsMatch(ReadOnlySpan<string> pattern, ReadOnlySpan<string> words)
    {
        if (pattern.IsEmpty)
        {
            return words.IsEmpty;
        }

        return pattern[0] switch
        {
            "#" => IsMatch(pattern[1..], words) || (!words.IsEmpty && IsMatch(pattern, words[1..])),
            "*" => !words.IsEmpty && IsMatch(pattern[1..], words[1..]),
            string word => !words.IsEmpty && words[0] == word && IsMatch(pattern[1..], words[1..]),
        };
    }

    private static string[] Words(string key) => key.Length == 0 ? [] : key.Split('.');
}
