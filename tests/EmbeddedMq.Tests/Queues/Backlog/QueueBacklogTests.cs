using EmbeddedMq.Consumers;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;

namespace EmbeddedMq.Tests.Queues.Backlog;

/// <summary>Nothing about a queue is different for its users when most of it is on disk.</summary>
public sealed class QueueBacklogTests
{
    // Everything that may go goes, but for one message at each head; pages of 2, 4, 4 … come back.
    private static readonly BacklogSettings Tiny = new() { BudgetBytes = 1, FirstPageMessages = 2, PageMessages = 4, WindowMessages = 1, SliceMessages = 3, RestMs = 0 };

    [Fact]
    public void Publish_BeyondTheBudget_LeavesTheWindowInMemoryAndCountsTheRest()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 10);

        QueueDescription described = queue.Describe();
        Assert.Equal((10, 10, 9, 9), (described.ReadyCount, described.ReadyBytes, described.AwayCount, described.AwayBytes));
        Assert.Equal(QueueEntry.OverheadBytes + 1, stand.Memory.Bytes);
    }

    [Fact]
    public void Get_ThroughoutABacklog_TakesAllInOrder()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 50);

        List<string> texts = [];
        while (queue.TryAcquire(out QueueEntry? entry, out uint remaining, out Task? arrival) || arrival is { IsCompleted: true })
        {
            if (entry is not null)
            {
                texts.Add(entry.Message.GetText());
                Assert.Equal((uint)(50 - texts.Count), remaining);
                queue.Acknowledge(entry);
                stand.Pump!.RunAll();
            }
        }

        Assert.Equal(Texts(0, 50), texts);
        Assert.Equal(0, stand.Memory.Bytes);
        Assert.Equal((0, 0L), (queue.Describe().AwayCount, queue.Describe().ReadyCount));
    }

    [Fact]
    public void Consumer_WithoutLimit_ReceivesAllInOrderWhateverIsAway()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 50);
        Consumer consumer = stand.NewConsumer(queue);

        queue.AddConsumer(consumer, "/");
        QueueStand.Enqueue(queue, "50");

        Assert.Equal(Texts(0, 51), Read(consumer));
        Assert.Equal(51, queue.Describe().UnackedCount);
    }

    [Fact]
    public void Consumer_WhileTheHeadIsOnItsWay_IsNotPassedByWhatIsInMemoryBehind()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 5);
        stand.Pump!.IsEager = false;
        Consumer consumer = stand.NewConsumer(queue);
        queue.AddConsumer(consumer, "/");

        QueueStand.Enqueue(queue, "5");
        Assert.Equal(Texts(0, 1), Read(consumer));

        stand.Pump.RunAll();
        Assert.Equal(Texts(1, 6), Read(consumer));
    }

    [Fact]
    public void Requeue_WhileTheRestIsAway_PutsBackToTheOriginalPositions()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 20);
        List<QueueEntry> held = [.. Enumerable.Range(0, 10).Select(_ => Take(queue))];
        stand.Pump!.RunAll();

        queue.Requeue([held[7], held[2]], [held[5]]);
        stand.Pump.RunAll();

        Assert.Equal(["2", "5", "7", "10", "11"], Enumerable.Range(0, 5).Select(_ => Take(queue).Message.GetText()));
        Assert.Equal(8, queue.Describe().ReadyCount);
    }

    [Fact]
    public void TimeToLive_OfAHeadOnDisk_EndsItOnTime()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").WithMessageTtl(TimeSpan.FromSeconds(1)).DeadLetterTo("", "dead"), 10);
        stand.Time.Advance(TimeSpan.FromMilliseconds(500));
        QueueStand.Enqueue(queue, "10");
        stand.Pump!.RunAll();

        stand.Time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal(Texts(0, 10).Select(static text => $"{text} Expired"), stand.Dead);

        stand.Time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal("10 Expired", stand.Dead[^1]);
        Assert.Equal(0, stand.Memory.Bytes);
    }

    [Fact]
    public void DropHead_WithTheHeadOnDisk_DropsTheOldest()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").MaxLength(10).DeadLetterTo("", "dead"), 25);

        Assert.Equal(Texts(0, 15).Select(static text => $"{text} MaxLength"), stand.Dead);
        Assert.Equal(10, queue.Describe().ReadyCount);
        Assert.Equal("15", Take(queue).Message.GetText());
    }

    [Fact]
    public void DropHead_WhileTheHeadIsOnItsWay_WaitsForIt()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").MaxLength(10).DeadLetterTo("", "dead"), 10);
        stand.Pump!.IsEager = false;
        for (int i = 10; i < 13; i++)
        {
            QueueStand.Enqueue(queue, Text(i));
        }

        Assert.Equal(["0 MaxLength"], stand.Dead);
        Assert.Equal(12, queue.Describe().ReadyCount);

        stand.Pump.RunAll();
        Assert.Equal(Texts(0, 3).Select(static text => $"{text} MaxLength"), stand.Dead);
        Assert.Equal(10, queue.Describe().ReadyCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DropHead_WithAHeadThatCannotBeRead_KeepsItsBound(bool inBlock)
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").MaxLength(10), 10);
        if (inBlock)
        {
            Assert.True(queue.Evacuate(ulong.MaxValue, stand.Store));
        }

        stand.Store.Damage = new IOException("The disk is gone.");
        for (int i = 10; i < 15; i++)
        {
            QueueStand.Enqueue(queue, Text(i));
            stand.Pump!.RunAll();
            Assert.Equal(10, queue.Describe().ReadyCount);
        }

        Assert.Equal((15L, 5L), (queue.Describe().ReadyBytes, queue.Describe().DroppedTotal));
        stand.Store.Damage = null;
        stand.Time.Advance(TimeSpan.FromMinutes(1));
        stand.Pump!.RunAll();
        Consumer consumer = stand.NewConsumer(queue);
        queue.AddConsumer(consumer, "/");
        Assert.Equal(Texts(5, 15), Read(consumer));
        Assert.Equal((0L, 0L), (queue.Describe().ReadyCount, queue.Describe().ReadyBytes));
    }

    [Fact]
    public void DropHead_WithOnlyUnreadBeforeWhatIsInMemory_DeliversThat()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").MaxLength(3), 3);
        stand.Store.Damage = new IOException("The disk is gone.");
        stand.Store.MayGo = static _ => false;
        Consumer consumer = stand.NewConsumer(queue);
        queue.AddConsumer(consumer, "/");
        for (int i = 3; i < 6; i++)
        {
            QueueStand.Enqueue(queue, Text(i));
            stand.Pump!.RunAll();
        }

        Assert.Equal(["0", "3", "4", "5"], Read(consumer));
    }

    [Fact]
    public void DropHead_WithAHeadThatCannotBeReadAndIsToBeDeadLettered_LosesNothing()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").MaxLength(10).DeadLetterTo("", "dead"), 10);
        stand.Store.Damage = new IOException("The disk is gone.");
        for (int i = 10; i < 15; i++)
        {
            QueueStand.Enqueue(queue, Text(i));
            stand.Pump!.RunAll();
        }

        stand.Store.Damage = null;
        stand.Time.Advance(TimeSpan.FromMinutes(1));
        stand.Pump!.RunAll();
        Assert.Equal(Texts(0, 5).Select(static text => $"{text} MaxLength"), stand.Dead);
        Assert.Equal(10, queue.Describe().ReadyCount);
    }

    [Fact]
    public void RejectPublish_CountsWhatIsOnDisk()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").MaxLength(10, Overflow.RejectPublish), 10);

        Assert.Equal(EnqueueOutcome.Rejected, QueueStand.Enqueue(queue, "10"));
        queue.Acknowledge(Take(queue));
        Assert.Equal(EnqueueOutcome.Accepted, QueueStand.Enqueue(queue, "10"));
    }

    [Fact]
    public void BlockPublisher_WhileTheHeadIsOnItsWay_LetsInWhenItHasCome()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").MaxLength(3, Overflow.BlockPublisher), 3);
        Assert.Equal(EnqueueOutcome.Waiting, QueueStand.Enqueue(queue, "3"));
        stand.Pump!.IsEager = false;

        queue.Acknowledge(Take(queue));
        Assert.Equal(1, queue.Describe().WaitingPublishCount);
        stand.Pump.RunAll();

        Assert.Equal(0, queue.Describe().WaitingPublishCount);
        stand.Pump.IsEager = true;
        Assert.Equal(["1", "2", "3"], Enumerable.Range(0, 3).Select(_ => Take(queue).Message.GetText()));
    }

    [Fact]
    public void Priorities_HigherLevelOnDisk_ComesBeforeALowerOneInMemory()
    {
        using QueueStand stand = new(Tiny with { WindowMessages = 8 });
        Queue queue = stand.Declare(new QueueDeclaration("q").WithMaxPriority(5));
        for (int i = 0; i < 20; i++)
        {
            QueueStand.Enqueue(queue, $"low {i}", new MessageProperties { Priority = 1 });
            QueueStand.Enqueue(queue, $"high {i}", new MessageProperties { Priority = 4 });
        }

        stand.Pump!.RunAll();
        Assert.Equal(31, queue.Describe().AwayCount); // 8 at the head, one of the level below

        Assert.Equal(
            [.. Enumerable.Range(0, 20).Select(static i => $"high {i}"), .. Enumerable.Range(0, 20).Select(static i => $"low {i}")],
            Enumerable.Range(0, 40).Select(_ => Take(queue).Message.GetText()));
    }

    [Fact]
    public void Purge_OfMessagesOnDisk_ReadsNothingAndSettlesThem()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 20);
        int readsBefore = stand.Store.ReadCount.Reads;

        Assert.Equal(20u, queue.Purge());

        Assert.Equal(readsBefore, stand.Store.ReadCount.Reads);
        Assert.Equal(0, stand.Memory.Bytes);
        Assert.Equal((0, 0, 20L), (queue.Describe().ReadyCount, queue.Describe().AwayCount, queue.Describe().PurgedTotal));
        Assert.Empty(stand.Store.LiveTexts);
        QueueStand.Enqueue(queue, "next");
        Assert.Equal("next", Take(queue).Message.GetText());
    }

    [Fact]
    public void Purge_WhileAPageIsBeingRead_DropsThePage()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 20);
        stand.Store.OnAccess = () => queue.Purge();

        queue.Acknowledge(Take(queue));

        Assert.Equal(0, queue.Describe().ReadyCount);
        Assert.Null(queue.Describe().ReadError);
        Assert.Equal(0, stand.Memory.Bytes);
        Assert.Empty(stand.Log.Entries);
    }

    [Fact]
    public void Delete_OfAQueueOnDisk_ReadsNothingAndSettlesAll()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 20);
        int readsBefore = stand.Store.ReadCount.Reads;

        QueueDeletion deletion = queue.BeginDelete(static _ => null)!;
        Assert.Equal(20u, deletion.ReadyCount);
        queue.CompleteDelete(deletion);

        Assert.Equal(readsBefore, stand.Store.ReadCount.Reads);
        Assert.Equal(0, stand.Memory.Bytes);
        Assert.Empty(stand.Store.LiveTexts);
    }

    [Fact]
    public void Read_OfADamagedPage_PassesNothingOverAndIsTriedAgainMoreAndMoreRarely()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 5);
        stand.Store.Damage = new InvalidDataException("planted");
        Consumer consumer = stand.NewConsumer(queue);
        queue.AddConsumer(consumer, "/");

        Assert.Equal(["0"], Read(consumer));
        Assert.Equal((4, "planted"), (queue.Describe().ReadyCount, queue.Describe().ReadError));
        for (int i = 0; i < 100; i++)
        {
            stand.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        int errorCount = stand.Log.WithId(LogEvents.BacklogReadFailed).Count();
        Assert.InRange(errorCount, 5, 8); // after 100, 200, 400 … ms
        Assert.Equal(errorCount, stand.Store.ReadCount.Reads);

        stand.Store.Damage = null;
        stand.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(Texts(1, 5), Read(consumer));
        Assert.Null(queue.Describe().ReadError);
    }

    [Fact]
    public void Consumer_HeadCannotBeRead_ReceivesWhatComesBeforeIt()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q").WithMaxPriority(5), 5);
        stand.Store.Damage = new InvalidDataException("planted");
        Consumer consumer = stand.NewConsumer(queue);
        queue.AddConsumer(consumer, "/");
        (QueueEntry first, ulong tag) = Assert.Single(consumer.TakeUnread());
        Assert.True(stand.Book.TryTake(tag, out _));

        QueueStand.Enqueue(queue, "behind it");
        QueueStand.Enqueue(queue, "urgent", new MessageProperties { Priority = 3 });
        queue.Requeue([], [first]);

        Assert.Equal(["urgent", "0"], Read(consumer));
        stand.Store.Damage = null;
        stand.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal([.. Texts(1, 5), "behind it"], Read(consumer));
    }

    [Fact]
    public void PageIn_OfMessagesWithHeaders_CountsThemAgainstTheBudget()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        MessageProperties properties = new() { Headers = HeaderTable.Of("text", new string('x', 10_000)) };
        for (int i = 0; i < 3; i++)
        {
            QueueStand.Enqueue(queue, Text(i), properties);
        }

        Assert.InRange(stand.Memory.Bytes, 3 * 20_000, 3 * 21_000);
        stand.Pump!.RunAll();
        Assert.InRange(stand.Memory.Bytes, 20_000, 21_000);

        queue.Acknowledge(Take(queue));
        Assert.InRange(stand.Memory.Bytes, 20_000, 21_000); // the next one has come, and the one behind it has gone again
        queue.Acknowledge(Take(queue));
        queue.Acknowledge(Take(queue));
        Assert.Equal(0, stand.Memory.Bytes);
    }

    [Fact]
    public void Read_OfADamagedPageThatIsPurged_LeavesTheQueueAsItWasBefore()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = Fill(stand, new QueueDeclaration("q"), 5);
        stand.Store.Damage = new InvalidDataException("planted");
        Consumer consumer = stand.NewConsumer(queue);
        queue.AddConsumer(consumer, "/");
        Assert.Equal(["0"], Read(consumer));

        Assert.Equal(4u, queue.Purge());
        Assert.Null(queue.Describe().ReadError);
        stand.Time.Advance(TimeSpan.FromSeconds(30)); // the retry finds nothing to read

        stand.Store.Damage = null;
        Assert.True(queue.RemoveConsumer(consumer));
        for (int i = 5; i < 10; i++)
        {
            QueueStand.Enqueue(queue, $"{i}");
        }

        stand.Pump!.RunAll();
        Assert.Equal(4, queue.Describe().AwayCount);
        Consumer next = stand.NewConsumer(queue);
        queue.AddConsumer(next, "/");
        Assert.Equal(Texts(5, 10), Read(next));
    }

    [Fact]
    public void PutAway_RefusedByTheStore_KeepsTheMessagesInMemoryUntilItMay()
    {
        using QueueStand stand = new(Tiny with { RestMs = 50 });
        stand.Store.MayGo = static _ => false;
        Queue queue = Fill(stand, new QueueDeclaration("q"), 10);
        Assert.Equal(0, queue.Describe().AwayCount);

        stand.Store.MayGo = null;
        stand.Time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.Equal(9, queue.Describe().AwayCount);
    }

    [Fact]
    public void PutAway_UnderPressure_TakesFromTheLargestQueueAndStopsBelowTheBudget()
    {
        BacklogSettings settings = new() { BudgetBytes = 400_000, WindowMessages = 10, SliceMessages = 16, RestMs = 0 };
        using QueueStand stand = new(settings);
        Queue small = Fill(stand, new QueueDeclaration("small"), 50);
        Queue large = Fill(stand, new QueueDeclaration("large"), 8_000);

        Assert.Equal(0, small.Describe().AwayCount);
        Assert.InRange(large.Describe().AwayCount, 6_000, 7_990);
        Assert.InRange(stand.Memory.Bytes, 0, settings.BudgetBytes);
        Assert.Equal(Texts(0, 8_000), Enumerable.Range(0, 8_000).Select(_ => Take(large).Message.GetText()));
    }

    [Fact]
    public void RestoreAway_AfterARecovery_StartsWithEverythingOnDisk()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        stand.Pump!.IsEager = false;
        Message[] messages = [.. Enumerable.Range(0, 20).Select(static i => Message.Text(Text(i)))];
        AwayRun first = AwayRun.Of(stand.Store.Append(messages[..5]));
        StoredBlock block = stand.Store.AppendBlock(messages[5..15]);

        queue.RestoreAway(0, [first, AwayRun.Of(block, 0, block.Count, block.BodyBytes), AwayRun.Of(stand.Store.Append(messages[15..]))]);
        queue.EndRestore();

        Assert.Equal((20, 20, 20L), (queue.Describe().ReadyCount, queue.Describe().AwayCount, queue.Describe().EnqueuedTotal));
        Assert.Equal(0, stand.Memory.Bytes);
        QueueStand.Enqueue(queue, "20");
        stand.Pump.IsEager = true;
        stand.Pump.RunAll();
        Assert.Equal(Texts(0, 21), Enumerable.Range(0, 21).Select(_ => Take(queue).Message.GetText()));
    }

    [Fact]
    public void RestoreAway_OfALevelBelowTheHead_LetsNothingThereDieBeforeTheHeadIsKnown()
    {
        using QueueStand stand = new(Tiny);
        Queue queue = stand.Declare(new QueueDeclaration("q").WithMaxPriority(1).DeadLetterTo("", "dead"));

        queue.RestoreAway(0, [AwayRun.Of(stand.Store.Append([Message.Text("low")], expiresAtMs: 0))]);
        queue.RestoreAway(1, [AwayRun.Of(stand.Store.Append([Message.Text("high")]))]);
        queue.EndRestore();

        Assert.Empty(stand.Dead);
        Assert.Equal("high", Take(queue).Message.GetText());
        Assert.Equal(["low Expired"], stand.Dead);
    }

    private static Queue Fill(QueueStand stand, QueueDeclaration declaration, int count)
    {
        Queue queue = stand.Declare(declaration);
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(EnqueueOutcome.Accepted, QueueStand.Enqueue(queue, Text(i)));
            if (i % 7 == 6 || i == count - 1)
            {
                stand.Pump!.RunAll();
            }
        }

        return queue;
    }

    private static QueueEntry Take(Queue queue)
    {
        QueueEntry? entry;
        while (!queue.TryAcquire(out entry, out _, out Task? arrival))
        {
            Assert.True(arrival is { IsCompleted: true }, "The queue is empty, or its head has not come.");
        }

        return entry;
    }

    private static List<string> Read(Consumer consumer) => [.. consumer.TakeUnread().Select(static unread => unread.Entry.Message.GetText())];

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static IEnumerable<string> Texts(int from, int to) => Enumerable.Range(from, to - from).Select(Text);
}
