using System.Runtime.CompilerServices;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues;

public sealed class SegmentedQueueTests
{
    [Fact]
    public void Queue_AnyUse_IsAPlainQueue()
    {
        int seed = Seeds.Pick(11);
        Random random = Seeds.Generator(seed);
        SegmentedQueue<string> queue = new();
        Queue<string> plain = new();
        for (int step = 0; step < 200_000; step++)
        {
            // Long stretches of growing and of shrinking, so that segments come and go.
            bool grows = (step / 5_000) % 2 == 0;
            if (random.Next(10) < (grows ? 7 : 3))
            {
                string item = step.ToString(System.Globalization.CultureInfo.InvariantCulture);
                queue.Enqueue(item);
                plain.Enqueue(item);
            }
            else
            {
                Assert.Equal((plain.TryDequeue(out string? expected), expected), (queue.TryDequeue(out string? item), item));
            }

            Assert.Equal(plain.Count, queue.Count);
            Assert.Equal((plain.TryPeek(out string? first), first), (queue.TryPeek(out string? head), head));
        }
    }

    [Fact]
    public void Queue_OfWhatWasTaken_KeepsNothing()
    {
        SegmentedQueue<object> queue = new();
        List<WeakReference> items = FillAndTake(queue, 5_000);

        GC.Collect();

        Assert.DoesNotContain(items, static item => item.IsAlive);
        GC.KeepAlive(queue);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static List<WeakReference> FillAndTake(SegmentedQueue<object> queue, int count)
    {
        List<WeakReference> items = [];
        for (int i = 0; i < count; i++)
        {
            object item = new();
            queue.Enqueue(item);
            items.Add(new WeakReference(item));
        }

        while (queue.TryDequeue(out _))
        {
        }

        return items;
    }
}
