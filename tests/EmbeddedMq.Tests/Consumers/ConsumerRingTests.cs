using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;
using EmbeddedMq.Tests.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Consumers;

public sealed class ConsumerRingTests
{
    [Fact]
    public void Turns_WithinAPriority_GoRound()
    {
        using QueueStand stand = new();
        (ConsumerRing ring, Consumer[] consumers) = Make(stand, singleActive: false, (0, 10), (0, 10), (0, 10));

        Assert.Equal([0, 1, 2, 0, 1, 2, 0], Take(ring, consumers, 7));
    }

    [Fact]
    public void Turns_OfALowerPriority_ComeWhenNobodyAboveHasCredit()
    {
        using QueueStand stand = new();
        (ConsumerRing ring, Consumer[] consumers) = Make(stand, singleActive: false, (0, 10), (5, 2), (-1, 10), (5, 1));

        Assert.Equal([1, 3, 1, 0, 0], Take(ring, consumers, 5));

        consumers[3].ReturnCredit(1);
        Assert.True(ring.Resume(consumers[3]));
        Assert.Equal([3, 0], Take(ring, consumers, 2));
    }

    [Fact]
    public void Resume_OfAConsumerThatIsNotStarved_DoesNothing()
    {
        using QueueStand stand = new();
        (ConsumerRing ring, Consumer[] consumers) = Make(stand, singleActive: false, (0, 1), (0, 1));

        Assert.False(ring.Resume(consumers[0]));
        Assert.Equal([0, 1], Take(ring, consumers, 2));
        Assert.Equal([], Take(ring, consumers, 1));
        Assert.True(ring.Resume(consumers[1]));
        Assert.False(ring.Resume(consumers[1]));
        Assert.True(ring.Remove(consumers[0]));
        Assert.False(ring.Resume(consumers[0]));
    }

    [Fact]
    public void AnyCanTake_WithoutAnyCredit_MarksThemSoThatTheirCreditIsNoticed()
    {
        using QueueStand stand = new();
        (ConsumerRing ring, Consumer[] consumers) = Make(stand, singleActive: false, (0, 1), (1, 1));
        Assert.True(ring.AnyCanTake());
        Assert.Equal([1, 0], Take(ring, consumers, 2));

        Assert.False(ring.AnyCanTake());

        Assert.All(consumers, static consumer => Assert.True(consumer.IsStarved));
    }

    [Fact]
    public void SingleActive_WhenItGoes_TheNextThatIsNotSuspendedTakesOver()
    {
        using QueueStand stand = new();
        (ConsumerRing ring, Consumer[] consumers) = Make(stand, singleActive: true, (0, 10), (9, 10), (0, 10), (0, 10));
        Assert.Equal([0, 0], Take(ring, consumers, 2));

        ConsumerRing.Suspend(consumers[0]);
        Assert.Equal([], Take(ring, consumers, 1));
        Assert.Same(consumers[0], ring.Active);
        ConsumerRing.Suspend(consumers[1]);
        Assert.True(ring.Remove(consumers[0]));

        Assert.Same(consumers[2], ring.Active);
        Assert.Equal([2, 2], Take(ring, consumers, 2));
        Assert.True(ring.Remove(consumers[3]));
        Assert.True(ring.Remove(consumers[2]));
        Assert.Null(ring.Active);
        Assert.True(ring.IsSuspended);
        Consumer late = NewConsumer(stand, 1);
        ring.Add(late);
        Assert.Same(late, ring.Active);
        Assert.False(ring.IsSuspended);
    }

    [Fact]
    public void Add_OfASuspendedConsumer_GivesItNoTurn()
    {
        using QueueStand stand = new();
        (ConsumerRing ring, Consumer[] consumers) = Make(stand, singleActive: false);
        Consumer consumer = NewConsumer(stand, 1);
        ConsumerRing.Suspend(consumer);

        ring.Add(consumer);

        Assert.Equal([], Take(ring, consumers, 1));
        Assert.True(ring.Remove(consumer));
    }

    /// <summary>Against a plain model: a list of turns for each priority.</summary>
    [Fact]
    public void Ring_AnyUse_IsAPlainListOfTurns()
    {
        int seed = Seeds.Pick(16);
        Random random = Seeds.Generator(seed);
        using QueueStand stand = new();
        ConsumerRing ring = new();
        List<(Consumer Consumer, int Priority)> turns = []; // those in the ring
        Dictionary<Consumer, int> credit = new(ReferenceEqualityComparer.Instance);
        for (int step = 0; step < 20_000; step++)
        {
            Consumer[] all = [.. credit.Keys];
            switch (random.Next(10))
            {
                case 0 when all.Length < 12:
                    int prefetch = random.Next(1, 4);
                    Consumer added = NewConsumer(stand, prefetch, random.Next(3));
                    ring.Add(added);
                    turns.Add((added, added.Options.Priority));
                    credit.Add(added, prefetch);
                    break;
                case 1 when all.Length > 0:
                    Consumer removed = all[random.Next(all.Length)];
                    Assert.True(ring.Remove(removed));
                    turns.RemoveAll(turn => turn.Consumer == removed);
                    credit.Remove(removed);
                    break;
                case 2 or 3 or 4 when all.Length > 0:
                    Consumer returning = all[random.Next(all.Length)];
                    returning.ReturnCredit(1);
                    credit[returning]++;
                    bool wasStarved = turns.TrueForAll(turn => turn.Consumer != returning);
                    Assert.Equal(wasStarved, ring.Resume(returning));
                    if (wasStarved)
                    {
                        turns.Add((returning, returning.Options.Priority));
                    }

                    break;
                default:
                    Consumer? expected = null;
                    while (expected is null && turns.Count > 0)
                    {
                        (Consumer Consumer, int Priority) first = turns.OrderByDescending(static turn => turn.Priority).First(); // stable
                        turns.Remove(first);
                        if (credit[first.Consumer] > 0)
                        {
                            credit[first.Consumer]--;
                            turns.Add(first);
                            expected = first.Consumer;
                        }
                    }

                    Assert.Equal(expected is not null, ring.TryTakeNextWithCredit(out Consumer? taken));
                    Assert.True(ReferenceEquals(expected, taken), $"Seed {seed}, step {step}.");
                    break;
            }

            Assert.Equal(credit.Count, ring.Count);
        }
    }

    private static (ConsumerRing Ring, Consumer[] Consumers) Make(QueueStand stand, bool singleActive, params (int Priority, int Prefetch)[] kinds)
    {
        ConsumerRing ring = new() { SingleActive = singleActive };
        Consumer[] consumers = [.. kinds.Select(kind => NewConsumer(stand, kind.Prefetch, kind.Priority))];
        foreach (Consumer consumer in consumers)
        {
            ring.Add(consumer);
        }

        return (ring, consumers);
    }

    private static Consumer NewConsumer(QueueStand stand, int prefetchCount, int priority = 0)
        => new("ctag", new ConsumerOptions { Priority = priority }, prefetchCount, stand, new QuietHost());

    private static List<int> Take(ConsumerRing ring, Consumer[] consumers, int count)
    {
        List<int> taken = [];
        while (taken.Count < count && ring.TryTakeNextWithCredit(out Consumer? consumer))
        {
            taken.Add(Array.IndexOf(consumers, consumer));
        }

        return taken;
    }

    /// <summary>The tests resume consumers themselves.</summary>
    private sealed class QuietHost : IConsumerHost
    {
        public string Name => "q";

        public bool IsAbandoned => false;

        public void Requeue(ReadOnlySpan<QueueEntry> failed, ReadOnlySpan<QueueEntry> unseen, ReadOnlySpan<Consumer> holders = default)
        {
        }

        public void Resume(Consumer consumer)
        {
        }

        public void ResumeWithNext(Consumer consumer)
        {
        }

        public void Suspend(Consumer consumer)
        {
        }

        public bool TryPass() => true;
    }
}
