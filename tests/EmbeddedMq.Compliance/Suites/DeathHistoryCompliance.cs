namespace EmbeddedMq.Compliance;

/// <summary>The history of deaths in <c>x-death</c> and <c>x-first-death-*</c>, and the rule that ends cycles.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class DeathHistoryCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMilliseconds(500);

    [Fact, AmqpItem("A5.4")]
    public async Task FirstDeath_OfAnyMessage_LeavesOneFullEntry()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await Channel.BindQueueAsync(queue, "amq.topic", Name("key"));
        string key = Name("routing-key");
        await Channel.BindQueueAsync(queue, "amq.topic", key);
        await PublishAsync("amq.topic", key, "m");
        await DieAsync(queue);

        HeaderTable headers = (await GetAsync(dead)).Message.Headers;
        HeaderTable entry = Assert.IsType<HeaderTable>(Assert.Single(Assert.IsAssignableFrom<IReadOnlyList<object?>>(headers["x-death"])));
        Assert.Equal(["count", "exchange", "queue", "reason", "routing-keys", "time"], entry.Keys.Order());
        Assert.Equal(1L, entry["count"]);
        Assert.Equal("rejected", entry["reason"]);
        Assert.Equal(queue, entry["queue"]);
        Assert.Equal("amq.topic", entry["exchange"]);
        Assert.Equal([key], Assert.IsAssignableFrom<IReadOnlyList<object?>>(entry["routing-keys"]));
        Assert.IsType<DateTimeOffset>(entry["time"]);
    }

    [Fact, AmqpItem("A5.6")]
    public async Task FirstDeathHeaders_LaterDeaths_StayAsSetOnce()
    {
        string last = await DeclareQueueAsync();
        string second = await DeclareQueueAsync(q => q.DeadLetterTo(last));
        string first = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo(second));
        await Channel.BindQueueAsync(first, "amq.fanout", "");
        await PublishAsync("amq.fanout", "k", "m");
        await Engine.AdvanceAsync(Ttl);
        await DieAsync(second);
        HeaderTable headers = (await GetAsync(last)).Message.Headers;
        Assert.Equal(
            ("expired", first, "amq.fanout"),
            (headers["x-first-death-reason"] as string, headers["x-first-death-queue"] as string, headers["x-first-death-exchange"] as string));
    }

    [Fact, AmqpItem("A5.4")]
    public async Task Deaths_InSeveralQueues_AreListedNewestFirst()
    {
        string last = await DeclareQueueAsync();
        string second = await DeclareQueueAsync(q => q.DeadLetterTo(last));
        string first = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo(second));
        await SendAsync(first, "m");
        await Engine.AdvanceAsync(Ttl);
        await DieAsync(second);
        IReadOnlyList<Death> deaths = (await GetAsync(last)).Deaths;
        Assert.Equal([(second, DeathReason.Rejected, 1L), (first, DeathReason.Expired, 1L)], deaths.Select(death => (death.Queue, death.Reason, death.Count)));
        Assert.Equal([second], deaths[0].RoutingKeys);
        Assert.Equal([first], deaths[1].RoutingKeys);
    }

    [Fact, AmqpItem("A5.5"), OftenGotWrong("x-death one entry per (queue, reason)")]
    public async Task Deaths_RepeatedInOneQueueForOneReason_AreCountedInOneEntry()
    {
        // Rejected into a waiting queue whose messages expire back: the retry that everybody builds.
        (string work, string wait) = await DeclareRetryLoopAsync();
        await SendAsync(work, "m");
        for (int round = 1; round <= 3; round++)
        {
            await DieAsync(work);
            await Engine.AdvanceAsync(Ttl);
            await ExpectReadyAsync(work, 1);
        }

        IReadOnlyList<Death> deaths = (await GetAsync(work)).Deaths;
        Assert.Equal([(wait, DeathReason.Expired, 3L), (work, DeathReason.Rejected, 3L)], deaths.Select(death => (death.Queue, death.Reason, death.Count)));
    }

    [Fact, AmqpItem("A5.5"), OftenGotWrong("x-death one entry per (queue, reason)")]
    public async Task Deaths_InOneQueueForTwoReasons_HaveAnEntryEach()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string work = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo(exchange, null));
        string wait = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo("", work));
        await Channel.BindQueueAsync(wait, exchange, "");
        string dead = await DeclareBoundQueueAsync(exchange);
        long sent = Engine.Clock.GetTimestamp();
        await SendAsync(work, "m");
        await InTimeAsync(Ttl, sent, () => DieAsync(work));
        await ExpectMessagesAsync(dead, "m");
        await Engine.AdvanceAsync(Ttl);
        await InTimeAsync(Ttl * 2, sent, () => ExpectReadyAsync(work, 1));
        await Engine.AdvanceAsync(Ttl);

        // The newest is the first; RabbitMQ 3 turns the order of the others round with each death.
        IReadOnlyList<Death> deaths = (await GetAsync(dead)).Deaths;
        Assert.Equal((work, DeathReason.Expired), (deaths[0].Queue, deaths[0].Reason));
        Assert.Equivalent(
            new[] { (work, DeathReason.Expired, 1L), (work, DeathReason.Rejected, 1L), (wait, DeathReason.Expired, 1L) },
            deaths.Select(death => (death.Queue, death.Reason, death.Count)),
            strict: true);
    }

    [Fact, AmqpItem("A5.5")]
    public async Task RepeatedDeath_OtherKeyThanAtFirst_KeepsTheFirstKeyAndTime()
    {
        string work = Name("work");
        string wait = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo("", work));
        await Channel.DeclareQueueAsync(work, q => q.DeadLetterTo("", wait));
        await Channel.BindQueueAsync(work, "amq.topic", Name("first-key"));
        string key = Name("key");
        await Channel.BindQueueAsync(work, "amq.topic", key);
        await PublishAsync("amq.topic", key, "m");
        await DieAsync(work);
        await Engine.AdvanceAsync(Ttl);
        Delivery once = await GetUnsettledAsync(Channel, work);
        Death first = Assert.Single(once.Deaths, death => death.Queue == work);
        Assert.Equal(("amq.topic", key), (first.Exchange, Assert.Single(first.RoutingKeys)));

        await Engine.AdvanceAsync(TimeSpan.FromMilliseconds(1500));
        await Channel.RejectAsync(once.DeliveryTag);
        await Engine.AdvanceAsync(Ttl);
        Death twice = Assert.Single((await GetAsync(work)).Deaths, death => death.Queue == work);
        Assert.Equal((2L, first.Exchange, first.Time), (twice.Count, twice.Exchange, twice.Time));
        Assert.Equal(first.RoutingKeys, twice.RoutingKeys);
    }

    [Fact, AmqpItem("A5.7")]
    public async Task DeathHeader_SentByAClientAndNotAList_IsReplaced()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await PublishAsync("", queue, "m", MessageProperties.Empty.WithHeader("x-death", "nonsense"));
        await DieAsync(queue);
        Death death = Assert.Single((await GetAsync(dead)).Deaths);
        Assert.Equal((queue, DeathReason.Rejected, 1L), (death.Queue, death.Reason, death.Count));
    }

    [Fact, AmqpItem("A5.7")]
    public async Task DeathHeader_SentByAClient_IsCountedOn()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        HeaderTable forged = HeaderTable.Of("count", 41L).With("reason", "rejected").With("queue", queue).With("exchange", "elsewhere");
        await PublishAsync("", queue, "m", MessageProperties.Empty.WithHeader("x-death", new object?[] { forged }));
        await DieAsync(queue);
        Delivery delivery = await GetAsync(dead);
        Death death = Assert.Single(delivery.Deaths);
        Assert.Equal((queue, DeathReason.Rejected, 42L, "elsewhere"), (death.Queue, death.Reason, death.Count, death.Exchange));
        Assert.False(delivery.Message.Headers.ContainsKey("x-first-death-queue"));
    }

    [Fact, AmqpItem("A5.8"), OftenGotWrong("cycle rule")]
    public async Task Cycle_OfExpiriesOnly_DropsTheMessage()
    {
        string second = Name("second");
        string first = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo("", second));
        await Channel.DeclareQueueAsync(second, q => q.WithMessageTtl(Ttl).DeadLetterTo("", first));
        long sent = Engine.Clock.GetTimestamp();
        await SendAsync(first, "m");
        await Engine.AdvanceAsync(Ttl);
        await InTimeAsync(Ttl * 2, sent, () => ExpectReadyAsync(second, 1));
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(second);
        await ExpectMessagesAsync(first);
    }

    [Fact, AmqpItem("A5.8"), OftenGotWrong("cycle rule")]
    public async Task Cycle_OfOneQueueByExpiry_DropsTheMessage()
    {
        string queue = Name("self");
        await Channel.DeclareQueueAsync(queue, q => q.WithMessageTtl(Ttl).DeadLetterTo("", queue));
        await SendAsync(queue, "m");
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A5.8"), OftenGotWrong("cycle rule")]
    public async Task Cycle_WithARejectionInIt_GoesOnForever()
    {
        (string work, _) = await DeclareRetryLoopAsync();
        await SendAsync(work, "m");
        for (int round = 1; round <= 10; round++)
        {
            await DieAsync(work);
            await Engine.AdvanceAsync(Ttl);
            await ExpectReadyAsync(work, 1);
        }

        Assert.Equal(10, (await GetAsync(work)).Deaths[0].Count);
    }

    [Fact, AmqpItem("A5.8"), OftenGotWrong("cycle rule")]
    public async Task Cycle_OfOneQueueByRejection_ComesBackEachTime()
    {
        string queue = Name("self");
        await Channel.DeclareQueueAsync(queue, q => q.DeadLetterTo("", queue));
        await SendAsync(queue, "m");
        await DieAsync(queue);
        await DieAsync(queue);
        Delivery delivery = await GetAsync(queue);
        Assert.Equal((queue, DeathReason.Rejected, 2L), (delivery.Deaths[0].Queue, delivery.Deaths[0].Reason, delivery.Deaths[0].Count));
    }

    [Fact, AmqpItem("A5.8"), OftenGotWrong("cycle rule")]
    public async Task Cycle_ByMaxLengthOfOneQueue_DropsTheMessage()
    {
        string queue = Name("self");
        await Channel.DeclareQueueAsync(queue, q => q.MaxLength(1).DeadLetterTo("", queue));
        await SendAsync(queue, "1", "2", "3");
        await ExpectMessagesAsync(queue, "3");
    }

    [Fact, AmqpItem("A5.8")]
    public async Task Cycle_OnOneOfSeveralRoutes_DropsOnlyThatRoute()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string queue = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo(exchange, null));
        await Channel.BindQueueAsync(queue, exchange, "");
        string other = await DeclareBoundQueueAsync(exchange);
        await SendAsync(queue, "m");
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(other, "m");
        await ExpectMessagesAsync(queue);
    }

    private async Task<(string Work, string Wait)> DeclareRetryLoopAsync()
    {
        string work = Name("work");
        string wait = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo("", work), "wait");
        await Channel.DeclareQueueAsync(work, q => q.DeadLetterTo("", wait));
        return (work, wait);
    }

    private async Task DieAsync(string queue) => await Channel.RejectAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);

    [Fact, AmqpItem("A5.8")]
    [DeliberateDifference(
        "The history of deaths stays newest first. RabbitMQ 3.10 turns its older entries round with each death from the third on, and looks for cycles in " +
        "that order: it drops a message that a rejection has taken out of its circle, where this broker, like RabbitMQ 4, delivers it.")]
    public async Task Circle_InterruptedByARejection_GoesOn()
    {
        string middle = Name("middle");
        string end = await DeclareQueueAsync(q => q.DeadLetterTo(middle));
        string full = await DeclareQueueAsync(q => q.MaxLength(1).DeadLetterTo(end));
        await Channel.DeclareQueueAsync(middle, q => q.WithMessageTtl(TimeSpan.Zero).DeadLetterTo(full));
        await SendAsync(full, "first");
        await SendAsync(full, "second"); // drives the first one out, to the end
        await DieAsync(end);             // which a rejection sends by the middle to where it was: it drives out the second one

        Assert.Equal("first", (await GetAsync(full)).Message.GetText());
        Assert.Equal("second", (await GetAsync(end)).Message.GetText());
    }
}
