using System.Runtime.CompilerServices;
using EmbeddedMq.RabbitMq.Channels;
using EmbeddedMq.Threading;

namespace EmbeddedMq.RabbitMq.Tests;

public sealed class ConfirmTrackerTests
{
    // Publishes to a queue by name are mandatory, and most of them never come back.
    [Fact]
    public void Answered_MandatoryAndNeverReturned_IsNotKept()
    {
        ConfirmTracker tracker = new(new SerialExecutor(static _ => { }));

        WeakReference message = PublishAndConfirm(tracker);

        GC.Collect();
        Assert.False(message.IsAlive);
        GC.KeepAlive(tracker);
    }

    [Fact]
    public void Returned_OneOfSeveral_IsTheOneThatCameBack()
    {
        SerialExecutor events = new(static _ => { });
        ConfirmTracker tracker = new(events);
        PendingPublish[] publishes = [.. Enumerable.Range(1, 3).Select(i => tracker.Add((ulong)i, "", "q", Message.Text($"{i}"), mandatory: true))];
        tracker.Answered(1, multiple: false, isAck: true);

        tracker.Returned("", "q", Message.Text("2"));

        Assert.Equal([false, true, false], publishes.Select(static publish => publish.IsReturned));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference PublishAndConfirm(ConfirmTracker tracker)
    {
        Message message = Message.Text("on its way");
        tracker.Add(1, "", "q", message, mandatory: true);
        tracker.Answered(1, multiple: false, isAck: true);
        return new WeakReference(message);
    }
}
