namespace EmbeddedMq.Compliance;

/// <summary>Headers exchanges: the four kinds of match, keys that begin with <c>x-</c>, comparison of values.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class HeadersCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private static readonly HeaderTable NoHeaders = HeaderTable.Empty;

    [Fact, AmqpItem("A2.16")]
    public async Task All_OrNoMatchGiven_WantsEveryHeader()
    {
        HeaderTable binding = HeaderTable.Of("a", 1).With("b", "two");
        foreach (HeaderTable arguments in (HeaderTable[])[binding, binding.With("x-match", "all")])
        {
            await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1).With("b", "two").With("c", 3), true);
            await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1), false);
            await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1).With("b", "other"), false);
            await ExpectMatchAsync(arguments, NoHeaders, false);
        }
    }

    [Fact, AmqpItem("A2.16")]
    public async Task Any_SomeHeaderMatches_Routes()
    {
        HeaderTable arguments = HeaderTable.Of("x-match", "any").With("a", 1).With("b", "two");
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1), true);
        await ExpectMatchAsync(arguments, HeaderTable.Of("b", "two").With("a", 9), true);
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", 2).With("c", 1), false);
        await ExpectMatchAsync(arguments, NoHeaders, false);
    }

    [Fact, AmqpItem("A2.16")]
    public async Task Match_UnknownValue_Is406()
    {
        string queue = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Headers);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x",
            c => c.BindQueueAsync(queue, exchange, "", HeaderTable.Of("x-match", "foo")));
    }

    [Theory, AmqpItem("A2.17")]
    [InlineData("all", false)]
    [InlineData("any", false)]
    [InlineData("all-with-x", true)]
    [InlineData("any-with-x", true)]
    public async Task KeysBeginningWithX_ByKindOfMatch_CountOnlyWithX(string match, bool counts)
    {
        HeaderTable arguments = HeaderTable.Of("x-match", match).With("a", 1).With("x-foo", 1);
        bool all = match.StartsWith("all", StringComparison.Ordinal);
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1).With("x-foo", 1), true);
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1), !(all && counts));
        await ExpectMatchAsync(arguments, HeaderTable.Of("x-foo", 1), !all && counts);
        await ExpectMatchAsync(arguments, HeaderTable.Of("x-match", match), false);
    }

    [Theory, AmqpItem("A2.17"), OftenGotWrong("headers with no usable keys")]
    [InlineData("all", true)]
    [InlineData("any", false)]
    public async Task NoUsableKeys_OnlyX_MatchEverythingOrNothing(string match, bool matches)
    {
        HeaderTable arguments = HeaderTable.Of("x-match", match).With("x-foo", 1);
        await ExpectMatchAsync(arguments, NoHeaders, matches);
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1), matches);
        await ExpectMatchAsync(arguments, HeaderTable.Of("x-foo", 1), matches);
    }

    [Fact, AmqpItem("A2.17"), OftenGotWrong("headers with no usable keys")]
    public async Task NoKeys_AtAll_MatchEverythingOrNothing()
    {
        await ExpectMatchAsync(HeaderTable.Empty, NoHeaders, true);
        await ExpectMatchAsync(HeaderTable.Of("x-match", "all-with-x"), HeaderTable.Of("a", 1), true);
        await ExpectMatchAsync(HeaderTable.Of("x-match", "any-with-x"), HeaderTable.Of("x-match", "any-with-x"), false);
    }

    [Fact, AmqpItem("A2.17")]
    public async Task NoKeys_MessageWithoutHeaderTable_Matches()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Headers);
        string queue = await DeclareBoundQueueAsync(exchange);
        await PublishAsync(exchange, "ignored", "m", MessageProperties.Empty);
        await ExpectMessagesAsync(queue, "m");
    }

    [Fact, AmqpItem("A2.18")]
    public async Task VoidBindingValue_AnyHeaderValue_TestsPresence()
    {
        HeaderTable arguments = HeaderTable.Of("a", null);
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", 1), true);
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", "text"), true);
        await ExpectMatchAsync(arguments, HeaderTable.Of("a", null), true);
        await ExpectMatchAsync(arguments, HeaderTable.Of("b", 1), false);
    }

    [Fact, AmqpItem("A2.18")]
    public async Task Integers_OfOtherWidth_CompareByValue()
    {
        foreach (object value in (object[])[(sbyte)7, (byte)7, (short)7, (ushort)7, 7, 7u, 7L])
        {
            await ExpectMatchAsync(HeaderTable.Of("a", 7), HeaderTable.Of("a", value), true);
            await ExpectMatchAsync(HeaderTable.Of("a", value), HeaderTable.Of("a", 7L), true);
            await ExpectMatchAsync(HeaderTable.Of("a", value), HeaderTable.Of("a", 8), false);
        }
    }

    [Fact, AmqpItem("A2.18")]
    public async Task Values_OfOtherKind_AreNotConverted()
    {
        await ExpectMatchAsync(HeaderTable.Of("a", 1), HeaderTable.Of("a", "1"), false);
        await ExpectMatchAsync(HeaderTable.Of("a", "1"), HeaderTable.Of("a", 1), false);
        await ExpectMatchAsync(HeaderTable.Of("a", true), HeaderTable.Of("a", 1), false);
        await ExpectMatchAsync(HeaderTable.Of("a", 1), HeaderTable.Of("a", true), false);
        await ExpectMatchAsync(HeaderTable.Of("a", true), HeaderTable.Of("a", true), true);
        await ExpectMatchAsync(HeaderTable.Of("a", true), HeaderTable.Of("a", "true"), false);
        await ExpectMatchAsync(HeaderTable.Of("a", "Text"), HeaderTable.Of("a", "text"), false);
        await ExpectMatchAsync(HeaderTable.Of("a", 1), HeaderTable.Of("A", 1), false);
        await ExpectMatchAsync(HeaderTable.Of("a", 1), HeaderTable.Of("a", null), false);
    }

    [Fact, AmqpItem("A2.18")]
    public async Task Text_AndByteArrayOfTheSameBytes_AreEqual()
    {
        await ExpectMatchAsync(HeaderTable.Of("a", "text"), HeaderTable.Of("a", "text"u8.ToArray()), true);
        await ExpectMatchAsync(HeaderTable.Of("a", "text"u8.ToArray()), HeaderTable.Of("a", "text"), true);
        await ExpectMatchAsync(HeaderTable.Of("a", "text"), HeaderTable.Of("a", "test"u8.ToArray()), false);
    }

    [Fact, AmqpItem("A2.18")]
    public async Task ListsAndTables_CompareDeep_Match()
    {
        HeaderTable nested = HeaderTable.Of("list", new object[] { 1, "two" }).With("table", HeaderTable.Of("k", "v"));
        await ExpectMatchAsync(nested, HeaderTable.Of("list", new object[] { 1, "two" }).With("table", HeaderTable.Of("k", "v")), true);
        await ExpectMatchAsync(nested, nested.With("list", new object[] { "two", 1 }), false);
        await ExpectMatchAsync(nested, nested.With("table", HeaderTable.Of("k", "w")), false);
    }

    [Fact, AmqpItem("A2.16"), AmqpItem("A2.21")]
    public async Task Queue_BoundSeveralTimes_GetsOneMessage()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Headers);
        string queue = await DeclareBoundQueueAsync(exchange, "", HeaderTable.Of("a", 1));
        await Channel.BindQueueAsync(queue, exchange, "", HeaderTable.Of("b", 2));
        await PublishAsync(exchange, "", "once", new MessageProperties { Headers = HeaderTable.Of("a", 1).With("b", 2) });
        await ExpectMessagesAsync(queue, "once");
    }

    private async Task ExpectMatchAsync(HeaderTable arguments, HeaderTable headers, bool matches)
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Headers);
        string queue = await DeclareBoundQueueAsync(exchange, "", arguments);
        await PublishAsync(exchange, "", "m", new MessageProperties { Headers = headers });
        await ExpectMessagesAsync(queue, matches ? ["m"] : []);
        await Channel.DeleteQueueAsync(queue);
        await Channel.DeleteExchangeAsync(exchange);
    }
}
