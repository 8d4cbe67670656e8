namespace EmbeddedMq.Compliance;

/// <summary>Queues with priorities.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class PriorityCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A4.10")]
    public async Task Priorities_Mixed_ComeHighestFirstCappedAndMissingAsZero()
    {
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(5));
        foreach (int? priority in (int?[])[3, null, 9, 1, 5, 0, 3])
        {
            await PublishAsync("", queue, priority?.ToString() ?? "none", Priority(priority));
        }

        // 9 counts as 5 and came first; none counts as 0 and came first.
        await ExpectMessagesAsync(queue, "9", "5", "3", "3", "1", "none", "0");
    }

    [Fact, AmqpItem("A4.10")]
    public async Task Priority_OneLevel_IsFirstInFirstOut()
    {
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(10));
        foreach (string text in Numbers(1, 30))
        {
            await PublishAsync("", queue, text, Priority(int.Parse(text) % 3));
        }

        string[] expected = [.. Numbers(1, 30).OrderByDescending(text => int.Parse(text) % 3)];
        await ExpectMessagesAsync(queue, expected);
    }

    [Fact, AmqpItem("A4.10")]
    public async Task Priority_QueueWithoutPriorities_IsIgnored()
    {
        string queue = await DeclareQueueAsync();
        string zero = await DeclareQueueAsync(q => q.WithArgument(QueueArgument.MaxPriority, 0));
        foreach (string name in (string[])[queue, zero])
        {
            await PublishAsync("", name, "low", Priority(0));
            await PublishAsync("", name, "high", Priority(200));
            await ExpectMessagesAsync(name, "low", "high");
        }
    }

    [Fact, AmqpItem("A4.10")]
    public async Task Delivery_OfCappedPriority_KeepsThePropertyAsSent()
    {
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(5));
        await PublishAsync("", queue, "m", Priority(200));
        Assert.Equal((byte)200, (await GetAsync(queue)).Properties.Priority);
    }

    [Fact, AmqpItem("A4.10"), OftenGotWrong("max-length counts ready, drops the highest priority first")]
    public async Task MaxLength_PriorityQueueFull_DropsTheHighestPriority()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(5).MaxLength(2).DeadLetterTo(dead));
        await PublishAsync("", queue, "5", Priority(5));
        await PublishAsync("", queue, "1a", Priority(1));
        await PublishAsync("", queue, "1b", Priority(1));
        await PublishAsync("", queue, "3", Priority(3));
        await ExpectMessagesAsync(queue, "1a", "1b");
        await ExpectMessagesAsync(dead, "5", "3");
    }

    [Fact, AmqpItem("A4.10")]
    public async Task ExpiredLowPriority_BehindALiveHigherOne_StaysUntilItIsTheHead()
    {
        TimeSpan ttl = TimeSpan.FromMilliseconds(500);
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(5).DeadLetterTo(dead));
        await PublishAsync("", queue, "low", Priority(1).WithTimeToLive(ttl));
        await PublishAsync("", queue, "high", Priority(5));
        await Engine.AdvanceAsync(ttl * 2);
        await ExpectReadyAsync(queue, 2);
        Assert.Equal("high", await GetTextAsync(queue));
        await ExpectMessagesAsync(queue);
        await ExpectMessagesAsync(dead, "low");
    }

    [Fact, AmqpItem("A4.10"), OftenGotWrong("requeue to the original position")]
    public async Task Requeue_InAPriorityQueue_ReturnsToItsPlaceInItsLevel()
    {
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(5));
        await PublishAsync("", queue, "2a", Priority(2));
        await PublishAsync("", queue, "2b", Priority(2));
        await PublishAsync("", queue, "2c", Priority(2));
        Delivery first = await GetUnsettledAsync(Channel, queue);
        Delivery second = await GetUnsettledAsync(Channel, queue);
        await PublishAsync("", queue, "5", Priority(5));
        await PublishAsync("", queue, "1", Priority(1));
        await Channel.NackAsync(second.DeliveryTag);
        await Channel.NackAsync(first.DeliveryTag);
        await ExpectMessagesAsync(queue, "5", "2a", "2b", "2c", "1");
    }

    [Fact, AmqpItem("A4.10")]
    public async Task Consumer_OfAPriorityQueue_GetsTheHighestNext()
    {
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(5));
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await PublishAsync("", queue, "first", Priority(0));
        await PublishAsync("", queue, "1", Priority(1));
        await PublishAsync("", queue, "4", Priority(4));
        await consumer.AckNextAsync("first");
        await consumer.AckNextAsync("4");
        await consumer.AckNextAsync("1");
    }

    [Fact, AmqpItem("A4.10")]
    public async Task Purge_PriorityQueue_CountsAllLevels()
    {
        string queue = await DeclareQueueAsync(q => q.WithMaxPriority(255));
        for (int priority = 0; priority < 256; priority += 51)
        {
            await PublishAsync("", queue, "m", Priority(priority));
        }

        await ExpectReadyAsync(queue, 6);
        Assert.Equal(6u, await Channel.PurgeQueueAsync(queue));
    }

    private static MessageProperties Priority(int? priority) => new() { Priority = (byte?)priority };
}
