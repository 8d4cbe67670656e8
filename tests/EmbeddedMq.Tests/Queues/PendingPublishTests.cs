using EmbeddedMq.Queues;

namespace EmbeddedMq.Tests.Queues;

public sealed class PendingPublishTests
{
    [Fact]
    public async Task Completion_OfAFanOut_ComesWithTheLastAnswer()
    {
        using QueueStand stand = new();
        (Queue a, Queue b) = (Full(stand, "a"), Full(stand, "b"));
        PendingPublish? pending = null;
        a.Enqueue(Message.Text("m"), "", "a", 0, ref pending);
        PendingPublish? first = pending;
        b.Enqueue(Message.Text("m"), "", "b", 0, ref pending);
        Assert.Same(first, pending);

        a.Purge();
        b.Purge();
        Assert.False(pending!.Completion.IsCompleted); // its publisher may still ask further queues
        pending.Answer(RejectReason.None);

        Assert.Equal(RejectReason.None, await pending.Completion);
    }

    [Fact]
    public async Task Completion_WithRefusals_TellsTheFirst()
    {
        using QueueStand stand = new();
        (Queue a, Queue b) = (Full(stand, "a"), Full(stand, "b"));
        PendingPublish? pending = null;
        a.Enqueue(Message.Text("m"), "", "a", 0, ref pending);
        b.Enqueue(Message.Text("m"), "", "b", 0, ref pending);
        pending!.Answer(RejectReason.QueueFull);

        a.CompleteDelete(a.BeginDelete(static _ => null)!);
        Assert.False(pending.Completion.IsCompleted);
        b.Purge();

        Assert.Equal(RejectReason.QueueFull, await pending.Completion);
    }

    [Fact]
    public async Task Completion_WhenAQueueIsDeletedMeanwhile_TellsThat()
    {
        using QueueStand stand = new();
        Queue queue = Full(stand, "q");
        PendingPublish? pending = null;
        queue.Enqueue(Message.Text("m"), "", "q", 0, ref pending);
        pending!.Answer(RejectReason.None);

        queue.CompleteDelete(queue.BeginDelete(static _ => null)!);

        Assert.Equal(RejectReason.QueueDeleted, await pending.Completion);
        Assert.Equal(0, stand.Memory.Bytes);
    }

    [Fact]
    public async Task Withdraw_WhileAnyQueueKeepsItWaiting_CancelsAndTakesItOut()
    {
        using QueueStand stand = new();
        (Queue a, Queue b) = (Full(stand, "a"), Full(stand, "b"));
        PendingPublish? pending = null;
        a.Enqueue(Message.Text("m"), "", "a", 0, ref pending);
        b.Enqueue(Message.Text("m"), "", "b", 0, ref pending);
        pending!.Answer(RejectReason.None);
        a.Purge(); // a takes it, b still does not

        pending.Withdraw(CancellationToken.None);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending.Completion);
        Assert.Equal((1, 0), (a.Describe().ReadyCount, a.Describe().WaitingPublishCount));
        Assert.Equal((1, 0), (b.Describe().ReadyCount, b.Describe().WaitingPublishCount));
    }

    [Fact]
    public async Task Withdraw_AfterEveryQueueHasTakenIt_ChangesNothing()
    {
        using QueueStand stand = new();
        Queue queue = Full(stand, "q");
        PendingPublish? pending = null;
        queue.Enqueue(Message.Text("m"), "", "q", 0, ref pending);
        queue.Purge();

        pending!.Withdraw(CancellationToken.None);
        pending.Answer(RejectReason.None);

        Assert.Equal(RejectReason.None, await pending.Completion);
        Assert.Equal(1, queue.Describe().ReadyCount);
    }

    private static Queue Full(QueueStand stand, string name)
    {
        Queue queue = stand.Declare(new QueueDeclaration(name).MaxLength(1, Overflow.BlockPublisher));
        Assert.Equal(EnqueueOutcome.Accepted, QueueStand.Enqueue(queue, "first"));
        return queue;
    }
}
