using EmbeddedMq.Channels;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Tests.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Channels;

/// <summary>The book of deliveries against a plain dictionary.</summary>
public sealed class UnackedDeliveriesTests
{
    /// <summary>What the steps of a run do, in parts of 100: register, number only, take one, take up to, put back.</summary>
    public static TheoryData<string, int[]> Mixtures => new()
    {
        { "balanced", [40, 5, 40, 10, 5] },
        { "grows", [60, 5, 25, 0, 10] },
        { "rolled back", [40, 0, 30, 5, 25] },
        { "stragglers", [46, 8, 45, 0, 1] },
    };

    [Theory]
    [MemberData(nameof(Mixtures))]
    public void Book_AnyUse_IsAPlainDictionary(string mixture, int[] parts)
    {
        int seed = Seeds.Pick(14);
        Random random = Seeds.Generator(seed, mixture.Length);
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        Consumer consumer = stand.NewConsumer(queue);
        UnackedDeliveries book = new();
        SortedDictionary<ulong, Unsettled> plain = [];
        List<Unsettled> held = [];
        ulong next = 1;
        int window = 0;
        int toConsumers = 0;
        for (int step = 0; step < 25_000; step++)
        {
            string where = $"{mixture}, seed {seed}, step {step}";
            if (step % 1_000 == 0)
            {
                window = random.Next(3) == 0 ? 0 : random.Next(1, 200);
                book.SetWindow(window);
            }

            switch (Choose(parts, random.Next(100)))
            {
                case 0:
                    QueueEntry entry = new(Message.Text("m"), "", "", queue);
                    bool isGet = random.Next(4) == 0;
                    if (!isGet)
                    {
                        bool hasPlace = window == 0 || toConsumers < window;
                        Assert.True(hasPlace == book.HasWindowPlace, where);
                        Assert.True(hasPlace == book.TryTakeWindow(), where);
                        if (!hasPlace)
                        {
                            break;
                        }
                    }

                    Assert.Equal(next, book.Register(entry, isGet ? null : consumer));
                    plain.Add(next, new Unsettled(next, entry, isGet ? null : consumer));
                    toConsumers += isGet ? 0 : 1;
                    next++;
                    break;
                case 1:
                    Assert.Equal(next++, book.NextTag());
                    break;
                case 2:
                    // Mostly what is there, and mostly the young: the old ones are what makes the ring sparse.
                    ulong tag = random.Next(10) == 0 ? (ulong)random.NextInt64((long)next + 2) : Pick(plain, random);
                    bool isHeld = held.Count < 50 && random.Next(3) == 0;
                    Assert.True(plain.Remove(tag, out Unsettled expected) == book.TryTake(tag, out Unsettled taken, isHeld), where);
                    Assert.Equal(expected, taken);
                    toConsumers -= expected.Consumer is null || isHeld ? 0 : 1;
                    if (isHeld && expected.Entry is not null)
                    {
                        held.Add(expected);
                    }

                    break;
                case 3:
                    ulong last = random.Next(50) == 0 ? 0 : Pick(plain, random);
                    List<Unsettled> upTo = [];
                    bool isKnown = last == 0 || plain.ContainsKey(last);
                    bool areHeld = held.Count < 50 && random.Next(3) == 0;
                    Assert.True(isKnown == book.TryTakeUpTo(last, upTo, areHeld), where);
                    Unsettled[] expectedUpTo = isKnown ? [.. plain.Where(d => last == 0 || d.Key <= last).Select(static d => d.Value)] : [];
                    Assert.Equal(expectedUpTo, upTo);
                    foreach (Unsettled delivery in upTo)
                    {
                        plain.Remove(delivery.Tag);
                        toConsumers -= delivery.Consumer is null || areHeld ? 0 : 1;
                    }

                    held.AddRange(areHeld ? upTo : []);
                    break;
                default:
                    bool isCommitted = random.Next(2) == 0;
                    if (isCommitted)
                    {
                        book.ReleasePlaces(held);
                    }
                    else
                    {
                        Assert.True(book.TryPutBack(held), where);
                    }

                    foreach (Unsettled delivery in held)
                    {
                        toConsumers -= isCommitted && delivery.Consumer is not null ? 1 : 0;
                        if (!isCommitted)
                        {
                            plain.Add(delivery.Tag, delivery);
                        }
                    }

                    held.Clear();
                    break;
            }

            Assert.True(plain.Count == book.Count, where);
            if (random.Next(4) == 0)
            {
                Assert.True(plain.Keys.Append(next).Min() == book.OldestTag(out ulong unused), where);
                Assert.Equal(next, unused);
            }
        }

        Assert.Equal(plain.Values, book.Close());
        Assert.Equal(0, book.Count);
        Assert.Equal(0UL, book.Register(new QueueEntry(Message.Text("m"), "", "", queue), null));
        Assert.Equal(0UL, book.NextTag());
        Assert.False(book.TryPutBack([]));
    }

    [Fact]
    public void Book_OneDeliveryUnsettledWhileMillionsPass_StaysSmallAndKnowsIt()
    {
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        UnackedDeliveries book = new();
        QueueEntry old = new(Message.Text("old"), "", "", queue);
        QueueEntry young = new(Message.Text("young"), "", "", queue);
        ulong oldTag = book.Register(old, null);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 2_000_000; i++)
        {
            Assert.True(book.TryTake(book.Register(young, null), out _));
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        Assert.True(book.TryTake(oldTag, out Unsettled unsettled));
        Assert.Same(old, unsettled.Entry);
    }

    /// <summary>Takers side by side: each delivery goes to exactly one of them.</summary>
    [Fact]
    public async Task Book_TakenFromByManyAtOnce_GivesEachDeliveryOnce()
    {
        int seed = Seeds.Pick(15);
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        UnackedDeliveries book = new();
        const int Deliveries = 100_000;
        const int Takers = 4;
        int registered = 0;
        Task<List<ulong>>[] takers = [.. Enumerable.Range(0, Takers).Select(taker => Task.Run(() =>
        {
            Random random = Seeds.Generator(seed, taker);
            List<ulong> taken = [];
            List<Unsettled> upTo = [];
            while (Volatile.Read(ref registered) < Deliveries)
            {
                ulong tag = (ulong)random.NextInt64(Volatile.Read(ref registered) + 1);
                if (random.Next(20) == 0)
                {
                    book.TryTakeUpTo(tag, upTo);
                }
                else if (book.TryTake(tag, out Unsettled delivery))
                {
                    taken.Add(delivery.Tag);
                }
            }

            taken.AddRange(upTo.Select(static delivery => delivery.Tag));
            return taken;
        }))];
        while (registered < Deliveries)
        {
            book.Register(new QueueEntry(Message.Text("m"), "", "", queue), null);
            Volatile.Write(ref registered, registered + 1);
        }

        List<ulong> all = [.. (await Task.WhenAll(takers)).SelectMany(static taken => taken), .. book.Close().Select(static delivery => delivery.Tag)];
        all.Sort();

        Assert.Equal(Enumerable.Range(1, Deliveries).Select(static tag => (ulong)tag), all);
    }

    private static int Choose(int[] parts, int number)
    {
        int choice = 0;
        while (number >= parts[choice])
        {
            number -= parts[choice++];
        }

        return choice;
    }

    private static ulong Pick(SortedDictionary<ulong, Unsettled> plain, Random random)
        => plain.Count == 0 ? 0 : plain.Keys.ElementAt(random.Next(4) == 0 ? random.Next(plain.Count) : plain.Count - 1 - random.Next(Math.Min(plain.Count, 3)));
}
