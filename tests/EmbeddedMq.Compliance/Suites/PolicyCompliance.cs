using System.Text.RegularExpressions;

namespace EmbeddedMq.Compliance;

/// <summary>Policies: which one applies, when, and how it meets arguments.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class PolicyCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMilliseconds(500);

    protected override EngineCapabilities Needs => EngineCapabilities.Policies;

    [Fact, AmqpItem("A11.1")]
    public async Task Policy_SetAndDeleted_ActsOnAnExistingQueueAtOnce()
    {
        string queue = await DeclareQueueAsync();
        string policy = await SetPolicyAsync(queue, HeaderTable.Of("max-length", 2));
        await SendNumbersAsync(queue, 4);
        await ExpectMessagesAsync(queue, "3", "4");
        Assert.True(await Broker.Management.DeletePolicyAsync(VirtualHost, policy));
        Assert.False(await Broker.Management.DeletePolicyAsync(VirtualHost, policy));
        await SendNumbersAsync(queue, 4);
        await ExpectMessagesAsync(queue, "1", "2", "3", "4");
    }

    [Fact, AmqpItem("A11.1")]
    public async Task Policy_MaxLengthBelowABacklog_TrimsTheHead()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 5);
        await SetPolicyAsync(queue, HeaderTable.Of("max-length", 2));
        await ExpectReadyAsync(queue, 2);
        await ExpectMessagesAsync(queue, "4", "5");
    }

    [Fact, AmqpItem("A11.1")]
    [DeliberateDifference("A policy that bounds a queue and rejects publishes drops nothing of the backlog; RabbitMQ applies the length first, and drops.")]
    public async Task Policy_RejectPublishBelowABacklog_DropsNothing()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        await SetPolicyAsync(queue, HeaderTable.Of("max-length", 2).With("overflow", "reject-publish"));
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("4"))).Outcome);
        await ExpectMessagesAsync(queue, "1", "2", "3");
    }

    [Fact, AmqpItem("A4.3")]
    [DeliberateDifference("A message that expires at once does so when it comes to the head, as any other; where there is no dead-letter exchange, RabbitMQ drops it before.")]
    public async Task Policy_TimeToLiveOfZeroOverABacklog_ExpiresAtTheHead()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "stays");
        await SetPolicyAsync(queue, HeaderTable.Of("message-ttl", 0));
        await SendAsync(queue, "expires");
        await ExpectReadyAsync(queue, 2);
        await ExpectMessagesAsync(queue, "stays");
    }

    [Fact, AmqpItem("A11.1")]
    public async Task Policy_QueueDeclaredLater_Applies()
    {
        string queue = Name("later");
        await SetPolicyAsync(queue, HeaderTable.Of("max-length", 1));
        await Channel.DeclareQueueAsync(queue);
        await SendNumbersAsync(queue, 2);
        await ExpectMessagesAsync(queue, "2");
    }

    [Fact, AmqpItem("A11.1")]
    public async Task Pattern_InTheMiddleOfAName_MatchesUnanchored()
    {
        string queue = Name("before-the-middle-after");
        await Channel.DeclareQueueAsync(queue);
        await SetPolicyAsync(new Policy(Name("p"), Regex.Escape(queue[7..^2]), HeaderTable.Of("max-length", 1)));
        await SendNumbersAsync(queue, 2);
        await ExpectMessagesAsync(queue, "2");
    }

    [Fact, AmqpItem("A11.1")]
    public async Task Policies_SeveralMatch_OnlyTheHighestPriorityApplies()
    {
        string queue = await DeclareQueueAsync();
        Policy low = new(Name("low"), $"^{Regex.Escape(queue)}$", HeaderTable.Of("max-length", 1).With("message-ttl", 500)) { Priority = 1 };
        Policy high = new(Name("high"), $"^{Regex.Escape(queue)}$", HeaderTable.Of("max-length", 3)) { Priority = 2 };
        await SetPolicyAsync(low);
        await SetPolicyAsync(high);
        await SendNumbersAsync(queue, 4);

        // Not merged: the lower one's TTL does not count beside the higher one's length.
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(queue, "2", "3", "4");

        await Broker.Management.DeletePolicyAsync(VirtualHost, high.Name);
        await SendNumbersAsync(queue, 2);
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A11.1")]
    public async Task ApplyTo_OtherKindOfObject_DoesNotApply()
    {
        string queue = await DeclareQueueAsync();
        await SetPolicyAsync(new Policy(Name("p"), $"^{Regex.Escape(queue)}$", HeaderTable.Of("alternate-exchange", "x")) { ApplyTo = PolicyTarget.Exchanges, Priority = 9 });
        await SetPolicyAsync(new Policy(Name("p"), $"^{Regex.Escape(queue)}$", HeaderTable.Of("max-length", 1)) { ApplyTo = PolicyTarget.Queues });
        await SendNumbersAsync(queue, 2);
        await ExpectMessagesAsync(queue, "2");
    }

    [Fact, AmqpItem("A11.1")]
    public async Task Policy_SetAgainUnderItsName_ReplacesIt()
    {
        string queue = await DeclareQueueAsync();
        string name = await SetPolicyAsync(queue, HeaderTable.Of("max-length", 1));
        await SetPolicyAsync(new Policy(name, $"^{Regex.Escape(queue)}$", HeaderTable.Of("max-length", 2)));
        await SendNumbersAsync(queue, 3);
        await ExpectMessagesAsync(queue, "2", "3");
        Policy listed = Assert.Single(await Broker.Management.ListPoliciesAsync(VirtualHost), policy => policy.Name == name);
        Assert.True(HeaderTable.TryGetInteger(listed.Definition["max-length"], out long length) && length == 2);
    }

    [Fact, AmqpItem("A11.2")]
    public async Task Policy_OnAQueue_DoesNotEnterItsEquivalence()
    {
        string queue = await DeclareExactlyAsync();
        await SetPolicyAsync(queue, HeaderTable.Of("max-length", 5).With("message-ttl", 100_000));
        await Channel.DeclareQueueAsync(queue);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"inequivalent arg 'x-max-length' for {QueueIn(queue)}: received the value '5' of type 'signedint' but current is none",
            c => c.DeclareQueueAsync(queue, q => q.WithArgument(QueueArgument.MaxLength, 5)));
    }

    [Theory, AmqpItem("A11.3")]
    [InlineData(3, 2, 2)]
    [InlineData(2, 3, 2)]
    public async Task ArgumentAndPolicy_BothLimitTheLength_TheSmallerCounts(int argument, int policy, int expected)
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(argument));
        await SetPolicyAsync(queue, HeaderTable.Of("max-length", policy));
        await SendNumbersAsync(queue, 5);
        await ExpectMessagesAsync(queue, Numbers(6 - expected, 5));
    }

    [Theory, AmqpItem("A11.3")]
    [InlineData(500, 3_600_000)]
    [InlineData(3_600_000, 500)]
    public async Task ArgumentAndPolicy_BothSetATtl_TheSmallerCounts(int argument, int policy)
    {
        string queue = await DeclareQueueAsync(q => q.WithMessageTtl(TimeSpan.FromMilliseconds(argument)));
        await SetPolicyAsync(queue, HeaderTable.Of("message-ttl", policy));
        await SendAsync(queue, "m");
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A11.3")]
    public async Task ArgumentAndPolicy_BothNameADeadLetterQueue_TheArgumentCounts()
    {
        string byArgument = await DeclareQueueAsync();
        string byPolicy = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(byArgument));
        await SetPolicyAsync(queue, HeaderTable.Of("dead-letter-exchange", "").With("dead-letter-routing-key", byPolicy));
        await SendAsync(queue, "m");
        await Channel.RejectAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        await ExpectMessagesAsync(byArgument, "m");
        await ExpectMessagesAsync(byPolicy);
    }

    [Fact, AmqpItem("A11.3")]
    public async Task ArgumentAndPolicy_BothSetTheOverflow_TheArgumentCounts()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(1, Overflow.RejectPublish));
        await SetPolicyAsync(queue, HeaderTable.Of("overflow", "drop-head"));
        await SendAsync(queue, "1");
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("2"))).Outcome);
    }

    [Fact, AmqpItem("A11.1"), AmqpItem("A5.2")]
    public async Task Policy_WithDeadLettering_DeadLetters()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync();
        await SetPolicyAsync(queue, HeaderTable.Of("dead-letter-exchange", "").With("dead-letter-routing-key", dead).With("message-ttl", 500));
        await SendAsync(queue, "m");
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(dead, "m");
    }

    [Fact, AmqpItem("A11.1"), AmqpItem("A4.6")]
    public async Task Policy_WithExpires_ExpiresTheQueue()
    {
        string queue = await DeclareQueueAsync();
        await SetPolicyAsync(queue, HeaderTable.Of("expires", 1000));
        await Engine.AdvanceAsync(TimeSpan.FromMilliseconds(1000));
        await ExpectQueueExpiredAsync(queue);
    }

    [Fact, AmqpItem("A2.23")]
    public async Task Policy_WithAlternateExchange_ActsUntilDeletedAndYieldsToTheArgument()
    {
        string alternate = await DeclareExchangeAsync(ExchangeType.Fanout);
        string unrouted = await DeclareBoundQueueAsync(alternate);
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string withArgument = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(Name("missing")));
        string policy = await SetPolicyAsync(exchange, HeaderTable.Of("alternate-exchange", alternate));
        await SetPolicyAsync(withArgument, HeaderTable.Of("alternate-exchange", alternate));
        await PublishAsync(exchange, "k", "caught");
        await PublishAsync(withArgument, "k", "lost");
        await Broker.Management.DeletePolicyAsync(VirtualHost, policy);
        await PublishAsync(exchange, "k", "lost too");
        await ExpectMessagesAsync(unrouted, "caught");
    }

    [Theory, AmqpItem("A11.5")]
    [InlineData("max-priority", 5)]
    [InlineData("queue-type", "quorum")]
    [InlineData("single-active-consumer", true)]
    [InlineData("no-such-key", 1)]
    [InlineData("max-length", "many")]
    [InlineData("max-length", -1)]
    public async Task Policy_WithUnknownKeyOrBadValue_IsRefused(string key, object value)
    {
        string name = Name("p");
        await Assert.ThrowsAnyAsync<EmbeddedMqException>(
            async () => await Broker.Management.SetPolicyAsync(VirtualHost, new Policy(name, ".*", HeaderTable.Of(key, value))));
        Assert.DoesNotContain(await Broker.Management.ListPoliciesAsync(VirtualHost), policy => policy.Name == name);
    }

    [Fact, AmqpItem("A11.1")]
    public async Task Policy_InForce_IsShownInListings()
    {
        Require(EngineCapabilities.Listings);
        string queue = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string policy = await SetPolicyAsync(queue, HeaderTable.Of("max-length", 5));
        string exchangePolicy = await SetPolicyAsync(exchange, HeaderTable.Of("alternate-exchange", "x"));
        Assert.Equal(policy, Assert.Single(await Broker.Management.ListQueuesAsync(VirtualHost), q => q.Name == queue).Policy);
        Assert.Equal(exchangePolicy, Assert.Single(await Broker.Management.ListExchangesAsync(VirtualHost), e => e.Name == exchange).Policy);
    }

    private async Task<string> SetPolicyAsync(string name, HeaderTable definition)
    {
        Policy policy = new(Name("policy"), $"^{Regex.Escape(name)}$", definition);
        await SetPolicyAsync(policy);
        return policy.Name;
    }

    private async Task SetPolicyAsync(Policy policy) => await Broker.Management.SetPolicyAsync(VirtualHost, policy);
}
