namespace EmbeddedMq.Compliance;

/// <summary>Topic exchanges: words, empty words, <c>*</c> and <c>#</c>.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class TopicCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Theory, AmqpItem("A2.12"), OftenGotWrong("topic empty words")]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("a", "", false)]
    [InlineData("a.", "a.", true)]
    [InlineData("a.", "a", false)]
    [InlineData("a", "a.", false)]
    [InlineData(".", ".", true)]
    [InlineData(".", "", false)]
    [InlineData(".", "..", false)]
    [InlineData(".a", ".a", true)]
    [InlineData("a..b", "a..b", true)]
    [InlineData("a..b", "a.b", false)]
    [InlineData("a.b", "a.b", true)]
    [InlineData("a.b", "A.b", false)]
    [InlineData("a.b", "ab", false)]
    public Task Words_SplitAtDots_MatchWithTheEmptyOnes(string binding, string key, bool matches) => ExpectMatchAsync(binding, key, matches);

    [Theory, AmqpItem("A2.13"), OftenGotWrong("topic empty words")]
    [InlineData("*", "", false)]
    [InlineData("*", "a", true)]
    [InlineData("*", ".", false)]
    [InlineData("*", "a.b", false)]
    [InlineData("a.*", "a", false)]
    [InlineData("a.*", "a.", true)]
    [InlineData("a.*", "a.b", true)]
    [InlineData("a.*", "a.b.c", false)]
    [InlineData("*.a", ".a", true)]
    [InlineData("*.a", "..a", false)]
    [InlineData("a.*.b", "a..b", true)]
    [InlineData("a.*.b", "a.b", false)]
    [InlineData("*.*", ".", true)]
    [InlineData("*.*", "a", false)]
    [InlineData("*.orange.*", "quick.orange.rabbit", true)]
    [InlineData("*.orange.*", "quick.orange.male.rabbit", false)]
    public Task Star_AnyPlace_MatchesExactlyOneWord(string binding, string key, bool matches) => ExpectMatchAsync(binding, key, matches);

    [Theory, AmqpItem("A2.14")]
    [InlineData("#", "", true)]
    [InlineData("#", "a", true)]
    [InlineData("#", "a.b.c", true)]
    [InlineData("#", ".", true)]
    [InlineData("a.#", "a", true)]
    [InlineData("a.#", "a.", true)]
    [InlineData("a.#", "a.b.c", true)]
    [InlineData("a.#", "ab", false)]
    [InlineData("a.#", "", false)]
    [InlineData("#.b", "b", true)]
    [InlineData("#.b", "a.b", true)]
    [InlineData("#.b", "..b", true)]
    [InlineData("#.b", "a.b.c", false)]
    [InlineData("#.error", "app.db.error", true)]
    [InlineData("a.#.b", "a.b", true)]
    [InlineData("a.#.b", "a.x.y.b", true)]
    [InlineData("a.#.b", "a", false)]
    [InlineData("a.#.b", "a.b.b", true)]
    [InlineData("#.*", "", false)]
    [InlineData("#.*", "a", true)]
    [InlineData("#.*", "a.b", true)]
    [InlineData("*.#", "", false)]
    [InlineData("*.#", "a", true)]
    [InlineData("*.#", "a.b.c", true)]
    [InlineData("a.*.#", "a", false)]
    [InlineData("a.*.#", "a.b", true)]
    [InlineData("a.#.*", "a", false)]
    [InlineData("a.#.*", "a.b.c", true)]
    [InlineData("#.#", "", true)]
    [InlineData("#.#", "a.b", true)]
    [InlineData("#.a.#", "a", true)]
    [InlineData("#.a.#", "x.a.y", true)]
    [InlineData("#.a.#", "x.y", false)]
    public Task Hash_AnyPlace_MatchesNoneOrMoreWords(string binding, string key, bool matches) => ExpectMatchAsync(binding, key, matches);

    [Theory, AmqpItem("A2.15")]
    [InlineData("a*", "a*", true)]
    [InlineData("a*", "ab", false)]
    [InlineData("#a", "#a", true)]
    [InlineData("#a", "b.a", false)]
    [InlineData("**", "**", true)]
    [InlineData("**", "a", false)]
    [InlineData("##", "a.b", false)]
    public Task Wildcards_InsideAWord_AreLiterals(string binding, string key, bool matches) => ExpectMatchAsync(binding, key, matches);

    [Theory, AmqpItem("A2.13")]
    [InlineData("a", "*", false)]
    [InlineData("a", "#", false)]
    [InlineData("*", "#", true)]
    [InlineData("#", "*.#", true)]
    public Task Wildcards_InARoutingKey_AreWordsLikeOthers(string binding, string key, bool matches) => ExpectMatchAsync(binding, key, matches);

    [Fact, AmqpItem("A2.12"), AmqpItem("A2.13"), AmqpItem("A2.14")]
    public async Task Bindings_EveryPatternOfThreeWordsAtOnce_RouteAsEachAlone()
    {
        string[] patterns = Texts(["a", "b", "", "*", "#"]);
        string[] keys = Texts(["a", "b", ""]);
        string exchange = await DeclareExchangeAsync(ExchangeType.Topic);
        Dictionary<string, string> queues = [];
        foreach (string pattern in patterns)
        {
            queues.Add(pattern, await DeclareBoundQueueAsync(exchange, pattern));
        }

        foreach (string key in keys)
        {
            await PublishAsync(exchange, key, $"'{key}'");
        }

        foreach (string pattern in patterns)
        {
            await ExpectMessagesAsync(queues[pattern], [.. keys.Where(key => Matches(Words(pattern), Words(key))).Select(key => $"'{key}'")]);
        }
    }

    [Fact, AmqpItem("A2.14")]
    public async Task Bindings_RemovedOneByOne_LeaveTheOthers()
    {
        string[] patterns = ["a.#.b", "a.*.b", "a.#", "#", "#.b", "a.b"];
        string exchange = await DeclareExchangeAsync(ExchangeType.Topic);
        List<string> queues = [];
        foreach (string pattern in patterns)
        {
            queues.Add(await DeclareBoundQueueAsync(exchange, pattern));
        }

        for (int removed = 0; removed < patterns.Length; removed++)
        {
            await Channel.UnbindQueueAsync(queues[removed], exchange, patterns[removed]);
            await PublishAsync(exchange, "a.b", "m");
            for (int i = 0; i < patterns.Length; i++)
            {
                bool due = i > removed && patterns[i] != "a.*.b";
                await ExpectMessagesAsync(queues[i], due ? ["m"] : []);
            }
        }
    }

    // The judge of the exhaustive test: the definition itself, without any structure that could be wrong.
    private static bool Matches(ReadOnlySpan<string> pattern, ReadOnlySpan<string> key)
    {
        if (pattern.IsEmpty)
        {
            return key.IsEmpty;
        }

        if (pattern[0] == "#")
        {
            return Matches(pattern[1..], key) || (!key.IsEmpty && Matches(pattern, key[1..]));
        }

        return !key.IsEmpty && (pattern[0] == "*" || pattern[0] == key[0]) && Matches(pattern[1..], key[1..]);
    }

    private static string[] Words(string text) => text.Length == 0 ? [] : text.Split('.');

    private static string[] Texts(string[] words)
        => [.. (from first in words from second in words from third in words
                from count in Enumerable.Range(0, 4)
                select string.Join('.', ((string[])[first, second, third]).Take(count))).Distinct()];


    private async Task ExpectMatchAsync(string binding, string key, bool matches)
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Topic);
        string queue = await DeclareBoundQueueAsync(exchange, binding);
        PublishResult result = await Channel.TryPublishAsync(exchange, key, Message.Text("m"), PublishFlags.Mandatory);
        Assert.Equal(matches ? PublishOutcome.Confirmed : PublishOutcome.Returned, result.Outcome);
        await ExpectMessagesAsync(queue, matches ? ["m"] : []);
    }
}
