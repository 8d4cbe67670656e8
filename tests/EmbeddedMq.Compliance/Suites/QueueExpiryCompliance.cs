namespace EmbeddedMq.Compliance;

/// <summary>Queues that expire when nobody uses them.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class QueueExpiryCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private const string Point = "x-expires reset by declare, passive declare, get, not by publish";

    private static readonly TimeSpan Lease = TimeSpan.FromMilliseconds(1000);

    // More than half a lease: two of them in a row outlast it, one alone leaves a real server time enough.
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(600);

    [Fact, AmqpItem("A4.6")]
    public async Task Queue_UnusedForItsLease_GoesWithoutDeadLettering()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.ExpiresAfter(Lease).DeadLetterTo(dead));
        await SendAsync(queue, "lost with its queue");
        await Engine.AdvanceAsync(Lease);
        await ExpectQueueExpiredAsync(queue);
        await ExpectMessagesAsync(dead);
    }

    [Fact, AmqpItem("A4.6"), OftenGotWrong(Point)]
    public async Task Lease_Declare_StartsAnew()
    {
        string queue = await DeclareExactlyAsync(q => q.ExpiresAfter(Lease));
        await Engine.AdvanceAsync(Step);
        long renewed = Engine.Clock.GetTimestamp();
        await Channel.DeclareQueueAsync(queue, q => q.ExpiresAfter(Lease));
        await ExpectLeaseStartedAsync(queue, renewed);
    }

    [Fact, AmqpItem("A4.6"), OftenGotWrong(Point)]
    public async Task Lease_PassiveDeclare_StartsAnew()
    {
        long declared = Engine.Clock.GetTimestamp();
        string queue = await DeclareQueueAsync(q => q.ExpiresAfter(Lease));
        await Engine.AdvanceAsync(Step);
        long renewed = Engine.Clock.GetTimestamp();
        await InTimeAsync(Lease, declared, async () => await Channel.DeclareQueuePassiveAsync(queue));
        await ExpectLeaseStartedAsync(queue, renewed);
    }

    [Fact, AmqpItem("A4.6"), OftenGotWrong(Point)]
    public async Task Lease_GetEvenFromEmptyQueue_StartsAnew()
    {
        long declared = Engine.Clock.GetTimestamp();
        string queue = await DeclareQueueAsync(q => q.ExpiresAfter(Lease));
        await Engine.AdvanceAsync(Step);
        long renewed = Engine.Clock.GetTimestamp();
        await InTimeAsync(Lease, declared, async () => Assert.Null(await Channel.GetAsync(queue)));
        await ExpectLeaseStartedAsync(queue, renewed);
    }

    [Fact, AmqpItem("A4.6"), OftenGotWrong(Point)]
    public async Task Lease_PublishOrBind_GoesOn()
    {
        long declared = Engine.Clock.GetTimestamp();
        string queue = await DeclareQueueAsync(q => q.ExpiresAfter(Lease));
        await Engine.AdvanceAsync(Step);
        await SendAsync(queue, "no use");
        await InTimeAsync(Lease, declared, async () => await Channel.BindQueueAsync(queue, "amq.fanout", ""));
        await Engine.AdvanceAsync(Step);
        await ExpectQueueExpiredAsync(queue);
    }

    [Fact, AmqpItem("A4.6")]
    public async Task Lease_WithConsumer_StartsWhenTheLastHasGone()
    {
        string queue = await DeclareQueueAsync(q => q.ExpiresAfter(Lease));
        TestConsumer consumer = await ConsumeAsync(queue);
        await Engine.AdvanceAsync(Lease * 3);
        await SendAsync(queue, "still there");
        await consumer.AckNextAsync("still there");
        long unused = Engine.Clock.GetTimestamp();
        await consumer.Consumer.CancelAsync();
        await ExpectLeaseStartedAsync(queue, unused);
    }

    // The queue outlasts the old lease, not the new one. A publish is no use of it, so that looking does not start the lease anew.
    private async Task ExpectLeaseStartedAsync(string queue, long since)
    {
        await Engine.AdvanceAsync(Step);
        await InTimeAsync(
            Lease, since, async () => Assert.Equal(PublishOutcome.Confirmed, (await Channel.TryPublishAsync("", queue, Message.Text("probe"), PublishFlags.Mandatory)).Outcome));
        await Engine.AdvanceAsync(Step);
        await ExpectQueueExpiredAsync(queue);
    }
}
