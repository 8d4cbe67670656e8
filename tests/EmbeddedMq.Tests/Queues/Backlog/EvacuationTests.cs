using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues.Backlog;

/// <summary>Messages move from the journal into blocks under the feet of those who use the queue, and each is settled in exactly one place.</summary>
public sealed class EvacuationTests
{
    private static readonly BacklogSettings Tiny = new() { BudgetBytes = 1, FirstPageMessages = 2, PageMessages = 8, WindowMessages = 2, SliceMessages = 5, RestMs = 0 };

    [Fact]
    public void Evacuate_MessagesOnDisk_BecomesABlockThatComesBackInOrder()
    {
        using QueueStand stand = new(Tiny);
        Bench bench = new(stand, 20);
        bench.PutAway();

        Assert.True(bench.Queue.Evacuate(ulong.MaxValue, stand.Store));

        Assert.Equal((1, 0), stand.Store.BlockCount);
        Assert.Equal(18, bench.Queue.Describe().AwayCount);
        Assert.Equal(2 * (QueueEntry.OverheadBytes + 2), stand.Memory.Bytes); // what is in a block costs nothing
        bench.TakeAndSettleAll();
        Assert.Empty(stand.Store.LiveTexts);
    }

    [Fact]
    public void Evacuate_BelowAnId_LeavesWhatIsBeyondIt()
    {
        using QueueStand stand = new(Tiny);
        Bench bench = new(stand, 5);
        bench.PutAway();
        ulong bound = stand.Store.LastId + 1;
        Assert.True(bench.Queue.Evacuate(bound, stand.Store));
        bench.Publish(5);
        bench.PutAway();

        Assert.True(bench.Queue.Evacuate(bound, stand.Store));

        Assert.Equal((1, 0), stand.Store.BlockCount);
        bench.TakeAndSettleAll();
        Assert.Empty(stand.Store.LiveTexts);
    }

    [Fact]
    public void Evacuate_MessagesHandedOverPutBackAndReady_MovesThemAll()
    {
        using QueueStand stand = new(Tiny);
        Bench bench = new(stand, 12);
        bench.PutAway();
        List<QueueEntry> held = [.. Enumerable.Range(0, 8).Select(_ => bench.Take())];
        bench.Requeue(held[6]);

        Assert.True(bench.Queue.Evacuate(ulong.MaxValue, stand.Store));

        held.RemoveAt(6);
        Assert.All(held[2..], static entry => Assert.NotNull(entry.Block)); // the first two never were on disk
        held.ForEach(bench.Acknowledge);
        bench.TakeAndSettleAll();
        Assert.Empty(stand.Store.LiveTexts);
    }

    [Fact]
    public void Replace_LeftByARecordMeanwhile_IsSettledInTheBlockAndNotMoved()
    {
        using QueueStand stand = new(Tiny);
        Bench bench = new(stand, 12);
        bench.PutAway();
        List<QueueEntry> held = [.. Enumerable.Range(0, 8).Select(_ => bench.Take())];
        QueueEntry left = held[5];
        stand.Store.OnAccess = () =>
        {
            stand.Store.OnAccess = static () => { };
            left.HasLeft = true; // as a transaction does that acknowledges it, before its queue is told
            stand.Store.Settle(left);
        };

        Assert.True(bench.Queue.Evacuate(ulong.MaxValue, stand.Store));

        bench.Queue.Acknowledge(left);
        held.Remove(left);
        held.ForEach(bench.Acknowledge);
        bench.TakeAndSettleAll();
        Assert.Empty(stand.Store.LiveTexts);
    }

    [Fact]
    public void Replace_SettledMeanwhile_IsSettledInTheBlockAndNotMoved()
    {
        using QueueStand stand = new(Tiny);
        Bench bench = new(stand, 12);
        bench.PutAway();
        stand.Store.OnAccess = () =>
        {
            stand.Store.OnAccess = static () => { };
            for (int i = 0; i < 6; i++)
            {
                bench.Acknowledge(bench.Take());
            }
        };

        Assert.True(bench.Queue.Evacuate(ulong.MaxValue, stand.Store));

        Assert.Equal(6, stand.Store.LiveTexts.Count);
        bench.TakeAndSettleAll();
        Assert.Empty(stand.Store.LiveTexts);
    }

    [Fact]
    public void Replace_CameBackAndWentAgainMeanwhile_ChangesNothingAndIsRepeated()
    {
        using QueueStand stand = new(Tiny);
        Bench bench = new(stand, 12);
        bench.PutAway();
        stand.Store.OnAccess = () =>
        {
            stand.Store.OnAccess = static () => { };
            bench.Acknowledge(bench.Take());
            bench.Acknowledge(bench.Take()); // a page comes back
            bench.Queue.PutAway(new PageOut(0, 0, 100, long.MaxValue));
        };

        Assert.False(bench.Queue.Evacuate(ulong.MaxValue, stand.Store));

        Assert.Equal((2, 1), stand.Store.BlockCount); // a part before and the rest of the run
        Assert.Equal(10, stand.Store.LiveTexts.Count);
        bench.TakeAndSettleAll();
        Assert.Empty(stand.Store.LiveTexts);
    }

    /// <summary>Whatever happens between the collecting, the writing and the replacing: what the store holds is what the queue holds, and it comes in order.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Evacuate_BesideAnyUse_LosesAndDoublesNothing(int part)
    {
        int seed = Seeds.Pick(31);
        Random random = Seeds.Generator(seed, part);
        for (int round = 0; round < 150; round++)
        {
            using QueueStand stand = new(Tiny with { WindowMessages = random.Next(1, 6), PageMessages = random.Next(2, 20), SliceMessages = random.Next(1, 12) });
            Bench bench = new(stand, random.Next(40));
            bool isNested = false;
            stand.Store.OnAccess = () =>
            {
                if (!isNested)
                {
                    isNested = true;
                    for (int i = random.Next(20); i > 0; i--)
                    {
                        bench.Do(random);
                    }

                    isNested = false;
                }
            };
            for (int step = 0; step < 60; step++)
            {
                if (random.Next(8) == 0)
                {
                    bench.Queue.Evacuate(random.Next(3) == 0 ? ulong.MaxValue : (ulong)random.NextInt64((long)stand.Store.LastId + 2), stand.Store);
                }
                else
                {
                    bench.Do(random);
                }
            }

            stand.Store.OnAccess = static () => { };
            bench.Check($"Seed {seed}, part {part}, round {round}");
        }
    }

    /// <summary>A queue with its user, who settles in the store what he settles in the queue.</summary>
    private sealed class Bench
    {
        private readonly QueueStand _stand;
        private readonly List<QueueEntry> _held = [];
        private readonly List<int> _ready = []; // sorted
        private int _next = 10;
        private bool _isTaking;

        internal Bench(QueueStand stand, int count)
        {
            _stand = stand;
            Queue = stand.Declare(new QueueDeclaration("q"));
            Publish(count);
        }

        internal Queue Queue { get; }

        internal void Publish(int count)
        {
            for (int i = 0; i < count; i++)
            {
                _ready.Add(_next);
                QueueStand.Enqueue(Queue, $"{_next++}");
            }
        }

        internal void PutAway() => _stand.Pump!.RunAll();

        internal QueueEntry Take()
        {
            _isTaking = true;
            QueueEntry? entry;
            while (!Queue.TryAcquire(out entry, out _, out Task? arrival))
            {
                Assert.True(arrival is { IsCompleted: true }, "The head has not come.");
            }

            Assert.Equal(_ready[0], int.Parse(entry.Message.GetText(), System.Globalization.CultureInfo.InvariantCulture));
            _ready.RemoveAt(0);
            _isTaking = false;
            return entry;
        }

        internal void Acknowledge(QueueEntry entry)
        {
            Queue.Acknowledge(entry);
            _stand.Store.Settle(entry);
        }

        internal void Requeue(QueueEntry entry)
        {
            int number = int.Parse(entry.Message.GetText(), System.Globalization.CultureInfo.InvariantCulture);
            _ready.Insert(~_ready.BinarySearch(number), number);
            Queue.Requeue([], [entry]);
        }

        internal void TakeAndSettleAll()
        {
            while (_ready.Count > 0)
            {
                Acknowledge(Take());
            }

            Assert.Equal(0, Queue.Describe().ReadyCount);
        }

        internal void Do(Random random)
        {
            switch (random.Next(10))
            {
                case 0 or 1:
                    Publish(random.Next(1, 8));
                    break;
                case 2 when random.Next(2) == 0:
                    PutAway();
                    break;
                case 2:
                    Queue.PutAway(new PageOut(random.Next(3), 100, random.Next(1, 20), 10_000));
                    break;
                case 3 or 4 or 5 when _ready.Count > 0 && !_isTaking && CanTake():
                    _held.Add(Take());
                    if (random.Next(2) == 0 && _held[^1].StoredAt == 0)
                    {
                        _stand.Store.Append(_held[^1]); // as if its publish had been persistent
                    }

                    break;
                case 6 or 7 when _held.Count > 0:
                    Acknowledge(TakeHeld(random));
                    break;
                case 8 when _held.Count > 0 && !_isTaking:
                    Requeue(TakeHeld(random));
                    break;
            }
        }

        internal void Check(string where)
        {
            Assert.True(_ready.Count == Queue.Describe().ReadyCount, where);
            _held.ForEach(Acknowledge);
            PutAway();
            Assert.True(Queue.Evacuate(ulong.MaxValue, _stand.Store), where);
            HashSet<string> ready = [.. _ready.Select(static number => $"{number}")];
            Assert.True(_stand.Store.LiveTexts.Distinct().Count() == _stand.Store.LiveTexts.Count, $"{where}: held twice by the store.");
            Assert.True(ready.IsSupersetOf(_stand.Store.LiveTexts), $"{where}: settled, and held by the store.");
            Assert.True(_stand.Store.LiveTexts.Count >= Queue.Describe().AwayCount, where);
            TakeAndSettleAll();
            Assert.True(_stand.Store.LiveTexts.Count == 0, where);
            Assert.Equal(0, _stand.Memory.Bytes);
        }

        // Within a read of the pager nothing else comes back.
        private bool CanTake() => Queue.Describe() is { } queue && (queue.AwayCount == 0 || !_stand.Pump!.IsRunning);

        private QueueEntry TakeHeld(Random random)
        {
            int index = random.Next(_held.Count);
            QueueEntry entry = _held[index];
            _held.RemoveAt(index);
            return entry;
        }
    }
}
