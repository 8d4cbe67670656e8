using EmbeddedMq.Queues;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Tests.VirtualHosts.Policies;

public sealed class PolicyStoreTests
{
    private static readonly HeaderTable Ttl = HeaderTable.Of("message-ttl", 1000);

    public static TheoryData<string, object?, string> InvalidDefinitions => new()
    {
        { "message-ttl", "abc", "<<\"abc\">> is not a valid message TTL (message-ttl)" },
        { "message-ttl", -1, "-1 is not a valid message TTL (message-ttl)" },
        { "message-ttl", 1.5, "1.5 is not a valid message TTL (message-ttl)" },
        { "message-ttl", 315_360_000_001, "315360000001 is not a valid message TTL (message-ttl)" },
        { "expires", 0, "0 is not a valid queue expiry (expires)" },
        { "max-length", -1, "-1 is not a valid maximum length (max-length)" },
        { "max-length-bytes", "1", "<<\"1\">> is not a valid maximum length in bytes (max-length-bytes)" },
        { "overflow", "drop-tail", "<<\"drop-tail\">> is not a valid overflow value (overflow)" },
        { "dead-letter-exchange", 1, "1 is not a valid dead letter exchange name (dead-letter-exchange)" },
        { "dead-letter-routing-key", null, "undefined is not a valid dead letter routing key (dead-letter-routing-key)" },
        { "delivery-limit", "5", "<<\"5\">> is not a valid delivery limit (delivery-limit)" },
        { "alternate-exchange", true, "true is not a valid alternate exchange name (alternate-exchange)" },
        { "queue-mode", "eager", "<<\"eager\">> is not a valid queue-mode value (queue-mode)" },
        { "max-age", "1h", "max-age is not supported: there are no streams" },
        { "federation-upstream-set", "all", "federation-upstream-set is not supported: there is no federation" },
        { "x-message-ttl", 5, "[{<<\"x-message-ttl\">>,5}] are not recognised policy settings" },
    };

    [Theory]
    [MemberData(nameof(InvalidDefinitions))]
    public void Definition_OfInvalidValue_IsRefused(string key, object? value, string fault)
    {
        EmbeddedMqException error = Assert.Throws<EmbeddedMqException>(() => PolicyStore.Empty.With("/", new Policy("p", ".*", HeaderTable.Of(key, value))));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - invalid policy 'p' in vhost '/': {fault}", error.ReplyText);
    }

    [Fact]
    public void Policy_OfSeveralFaults_NamesThemAll()
    {
        Policy policy = new("", "(", new HeaderTable([new("foo", 1), new("max-length", -1), new("bar", "x")])) { ApplyTo = (PolicyTarget)77 };

        IReadOnlyList<string> faults = PolicyStore.FindFaults(policy);

        Assert.Equal(5, faults.Count);
        Assert.Equal("the name is empty", faults[0]);
        Assert.Equal("apply-to '77' unrecognised; should be 'queues', 'exchanges', 'all', 'classic_queues' or 'quorum_queues'", faults[1]);
        Assert.Equal("-1 is not a valid maximum length (max-length)", faults[2]);
        Assert.Equal("[{<<\"foo\">>,1},{<<\"bar\">>,<<\"x\">>}] are not recognised policy settings", faults[3]);
        Assert.StartsWith("pattern should be regular expression but is invalid: ", faults[4], StringComparison.Ordinal);
    }

    [Fact]
    public void Definition_Empty_IsRefused()
        => Assert.Equal(["no policy provided: the definition is empty"], PolicyStore.FindFaults(new Policy("p", ".*", HeaderTable.Empty)));

    [Theory]
    [InlineData("ord", "my-orders", true)] // not anchored
    [InlineData("^orders$", "orders", true)]
    [InlineData("^orders$", "orders.eu", false)]
    [InlineData("", "anything", true)]
    [InlineData("^(?!amq\\.).*", "orders", true)] // look-around
    [InlineData("^(?!amq\\.).*", "amq.topic", false)]
    [InlineData("(a)b\\1", "aba", true)]
    [InlineData("(?i)ORDERS", "orders", true)]
    public void Pattern_IsSearchedForInTheName(string pattern, string queue, bool matches)
        => Assert.Equal(matches, PolicyStore.Empty.With("/", new Policy("p", pattern, Ttl)).MatchQueue(queue, QueueKind.Classic) is not null);

    [Fact]
    public void Pattern_OfCatastrophicBacktracking_GivesUpWithoutAMatch()
    {
        Policy policy = new("p", "(?=a)(a+)+\\1$", Ttl);

        Assert.Null(PolicyStore.Empty.With("/", policy).MatchQueue(new string('a', 60) + "b", QueueKind.Classic));
    }

    [Fact]
    public void Pattern_OfAPosixClass_IsRefused()
        => Assert.Equal(
            ["pattern should be regular expression but is invalid: the class [:alpha:] is not supported; write a range such as a-z"],
            PolicyStore.FindFaults(new Policy("p", "^[[:alpha:]]+$", Ttl)));

    [Fact]
    public void SeveralMatch_HighestPriorityApplies_ThenTheFirstName()
    {
        PolicyStore store = PolicyStore.Empty
            .With("/", new Policy("c", ".*", Ttl) { Priority = 1 })
            .With("/", new Policy("b", ".*", Ttl) { Priority = 1 })
            .With("/", new Policy("a", ".*", Ttl) { Priority = -5 })
            .With("/", new Policy("special", "^special", Ttl) { Priority = 9 });

        Assert.Equal("b", store.MatchQueue("orders", QueueKind.Classic)?.Name);
        Assert.Equal("special", store.MatchQueue("special-orders", QueueKind.Classic)?.Name);
        Assert.Equal("a", store.Without("b").Without("c").MatchQueue("orders", QueueKind.Classic)?.Name);
    }

    [Theory]
    [InlineData(PolicyTarget.All, true, true, true)]
    [InlineData(PolicyTarget.Exchanges, true, false, false)]
    [InlineData(PolicyTarget.Queues, false, true, true)]
    [InlineData(PolicyTarget.ClassicQueues, false, true, false)]
    [InlineData(PolicyTarget.QuorumQueues, false, false, true)]
    public void Target_DecidesWhatItAppliesTo(PolicyTarget target, bool exchanges, bool classic, bool quorum)
    {
        PolicyStore store = PolicyStore.Empty.With("/", new Policy("p", ".*", Ttl) { ApplyTo = target });

        Assert.Equal(
            (exchanges, classic, quorum),
            (store.MatchExchange("x") is not null, store.MatchQueue("q", QueueKind.Classic) is not null, store.MatchQueue("q", QueueKind.Quorum) is not null));
    }

    [Theory]
    [InlineData("queue-mode", "lazy", true, false)]
    [InlineData("ha-mode", "all", true, false)]
    [InlineData("dead-letter-strategy", "at-least-once", false, true)]
    [InlineData("delivery-limit", 5, true, true)]
    public void Key_OfOneKindOnly_KeepsTheWholePolicyFromTheOther(string key, object value, bool classic, bool quorum)
    {
        PolicyStore store = PolicyStore.Empty.With("/", new Policy("p", ".*", Ttl.With(key, value)));

        Assert.Equal((classic, quorum), (store.MatchQueue("q", QueueKind.Classic) is not null, store.MatchQueue("q", QueueKind.Quorum) is not null));
    }

    [Fact]
    public void Policy_OfTheSameName_IsReplaced()
    {
        Policy second = new("p", "^b", Ttl);
        PolicyStore store = PolicyStore.Empty.With("/", new Policy("p", "^a", Ttl)).With("/", second);

        Assert.Equal([second], store.Policies);
        Assert.Null(store.MatchQueue("a", QueueKind.Classic));
    }

    [Fact]
    public void Store_Changed_LeavesTheOldOneAsItWas()
    {
        PolicyStore one = PolicyStore.Empty.With("/", new Policy("p", ".*", Ttl));

        PolicyStore none = one.Without("p");

        Assert.Same(none, none.Without("p"));
        Assert.Empty(none.Policies);
        Assert.Single(one.Policies);
        Assert.Empty(PolicyStore.Empty.Policies);
    }

    [Fact]
    public void Policies_AreListedByName()
    {
        PolicyStore store = PolicyStore.Empty
            .With("/", new Policy("b", ".*", Ttl) { Priority = 9 })
            .With("/", new Policy("a", ".*", Ttl))
            .With("/", new Policy("B", ".*", Ttl));

        Assert.Equal(["B", "a", "b"], store.Policies.Select(policy => policy.Name));
    }

    [Fact]
    public void AlternateExchange_FromTheArgument_Wins()
    {
        Policy policy = new("p", ".*", HeaderTable.Of("alternate-exchange", "of-policy"));
        ExchangeDeclaration exchange = new("x", ExchangeType.Direct);

        Assert.Equal("of-argument", PolicyRules.AlternateExchangeOf(exchange.AlternateExchange("of-argument"), policy));
        Assert.Equal("of-policy", PolicyRules.AlternateExchangeOf(exchange, policy));
        Assert.Null(PolicyRules.AlternateExchangeOf(exchange, null));
    }
}
