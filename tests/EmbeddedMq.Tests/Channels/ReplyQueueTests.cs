using EmbeddedMq.Channels;
using EmbeddedMq.Consumers;
using EmbeddedMq.Queues;
using EmbeddedMq.Tests.Queues;

namespace EmbeddedMq.Tests.Channels;

/// <summary>Replies beside the end of who waits for them.</summary>
public sealed class ReplyQueueTests
{
    [Fact]
    public void Enqueue_ConsumerIsAboutToEnd_RefusesAndCountsNothing()
    {
        using QueueStand stand = new();
        ReplyQueue replies = new(ReplyQueue.Prefix + "1", stand.Memory);
        Consumer consumer = new("ctag", new ConsumerOptions { AutoAck = true }, 0, stand, replies);
        replies.Attach(consumer);
        replies.Suspend(consumer); // from here on what it has not read is taken from it, once

        PendingPublish? pending = null;
        Assert.Equal(EnqueueOutcome.Gone, replies.Enqueue(Message.Text("late"), "", replies.Name, 0, ref pending));
        Assert.False(consumer.HasUnread);
        Assert.Equal(0, stand.Memory.Bytes);
    }
}
