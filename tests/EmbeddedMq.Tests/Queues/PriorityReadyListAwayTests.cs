using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues;

/// <summary>A list whose messages go to disk and come back is, to whoever takes from it, a list.</summary>
public sealed class PriorityReadyListAwayTests
{
    /// <summary>Against a plain sorted list: whatever is put away and brought back, in whatever portions, what comes out is the same in the same order.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 2)]
    [InlineData(0, 3)]
    [InlineData(3, 4)]
    [InlineData(70, 5)]
    public void List_AnyUseWithPaging_IsSortedByPriorityAndPosition(int maxPriority, int part)
    {
        int seed = Seeds.Pick(21);
        Random random = Seeds.Generator(seed, part);
        using QueueStand stand = new();
        Queue owner = stand.Declare(new QueueDeclaration("q"));
        FakeBacklogStore store = new();
        PriorityReadyList list = new(maxPriority);
        List<Place> plain = []; // sorted
        List<QueueEntry> taken = [];
        List<PageIn> pages = [];
        ulong sequence = 0;
        for (int step = 0; step < 30_000; step++)
        {
            bool isGrowing = step / 3_000 % 2 == 0;
            switch (random.Next(isGrowing ? 9 : 14))
            {
                case <= 3:
                    Add(random.Next(3) == 0 ? null : (byte)random.Next(256));
                    break;
                case 4 when taken.Count > 0:
                    int index = random.Next(taken.Count);
                    taken[index].Move(EntryState.Acquired, EntryState.Ready);
                    list.Return(taken[index]);
                    Insert(Place.Of(taken[index]));
                    taken.RemoveAt(index);
                    break;
                case 5:
                    store.MayGo = random.Next(3) == 0 ? _ => random.Next(10) > 0 : null;
                    list.PutAway(store, new PageOut(random.Next(5), random.Next(1, 60), random.Next(1, 40), random.Next(1, 20_000)));
                    break;
                case 6 when list.AwayCount > 0:
                    PageIn? page = list.BeginPageIn(random.Next(1, 50), random.Next(1, 400));
                    if (page is not null)
                    {
                        page.Read(store, owner);
                        pages.Add(page);
                    }

                    break;
                case 7 when pages.Count > 0:
                    TakeIn(pages[random.Next(pages.Count)], random.Next(1, 30));
                    break;
                case 8 when random.Next(500) == 0:
                    PriorityReadyList purged = list;
                    list = new PriorityReadyList(maxPriority);
                    int awayCount = purged.AwayCount;
                    purged.GiveUpAway(run => ((IBacklogStore)store).Discard(run.Entries.AsSpan(run.Start, run.Count), null));
                    Assert.Equal(0, purged.AwayCount);
                    Assert.Equal(plain.Count - awayCount, Drain(purged));
                    plain.Clear();
                    break;
                default:
                    if (list.TryTake(out QueueEntry? entry))
                    {
                        Assert.True(plain[0].Text == entry.Message.GetText(), $"Seed {seed}, step {step}.");
                        plain.RemoveAt(0);
                        entry.Move(EntryState.Ready, EntryState.Acquired);
                        taken.Add(entry);
                    }
                    else
                    {
                        Assert.True(plain.Count == 0 || list.AwayCount > 0, $"Seed {seed}, step {step}.");
                    }

                    break;
            }

            Assert.True(plain.Count == list.Count, $"Seed {seed}, step {step}: {plain.Count} there, {list.Count} counted.");
            Assert.Equal(plain.Count == 0, list.IsEmpty);
            if (step % 50 == 0)
            {
                Assert.Equal(plain.Sum(static place => (long)place.BodyBytes), list.BodyBytes);
            }
        }

        while (plain.Count > 0)
        {
            if (!list.TryTake(out QueueEntry? entry))
            {
                PageIn page = list.BeginPageIn(100, 10_000)!;
                page.Read(store, owner);
                TakeIn(page, 100);
                continue;
            }

            Assert.Equal(plain[0].Text, entry.Message.GetText());
            plain.RemoveAt(0);
        }

        Assert.Equal((0, 0, 0L), (list.Count, list.AwayCount, list.BodyBytes));

        void Add(byte? priority)
        {
            string text = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{sequence + 1}").PadRight(random.Next(8, 20), '.');
            QueueEntry entry = new(Message.Text(text), "", "", owner) { Sequence = ++sequence, Priority = list.LevelOf(priority) };
            entry.Move(EntryState.Waiting, EntryState.Ready);
            list.Add(entry);
            Insert(Place.Of(entry));
        }

        void Insert(Place place)
        {
            int at = plain.BinarySearch(place);
            Assert.True(at < 0);
            plain.Insert(~at, place);
        }

        void TakeIn(PageIn page, int most)
        {
            if (!list.IsCurrent(page))
            {
                pages.Remove(page);
                return;
            }

            foreach (QueueEntry entry in list.TakeIn(page, most))
            {
                entry.Move(EntryState.Waiting, EntryState.Ready);
            }

            if (page.IsTaken)
            {
                pages.Remove(page);
            }
        }

        static int Drain(PriorityReadyList purged)
        {
            int count = 0;
            while (purged.TryTake(out _))
            {
                count++;
            }

            Assert.Equal((0, 0L), (purged.Count, purged.BodyBytes));
            return count;
        }
    }

    [Fact]
    public void Restore_EntriesAndBlocks_ComeInTheirOrderWithPositionsOfTheirOwn()
    {
        using QueueStand stand = new();
        Queue owner = stand.Declare(new QueueDeclaration("q"));
        FakeBacklogStore store = new();
        Message[] messages = [.. Enumerable.Range(0, 10).Select(static i => Message.Text($"m{i}"))];
        AwayRun first = AwayRun.Of(store.Append(messages[..3]));
        StoredBlock block = store.AppendBlock(messages[3..8]);
        block.Settle(0);
        block.Settle(2);
        AwayRun second = AwayRun.Of(block, 0, block.Count, bodyBytes: 1_000); // an estimate
        AwayRun third = AwayRun.Of(store.Append(messages[8..]));
        PriorityReadyList list = new(0);

        Assert.Equal(8, list.Restore(0, [first, second, third], firstSequence: 11));

        Assert.Equal((8, 8), (list.Count, list.AwayCount));
        List<string> texts = [];
        List<ulong> positions = [];
        while (list.Count > 0)
        {
            while (list.TryTake(out QueueEntry? entry))
            {
                texts.Add(entry.Message.GetText());
                positions.Add(entry.Sequence);
            }

            if (list.BeginPageIn(2, 1_000) is { } page)
            {
                page.Read(store, owner);
                list.TakeIn(page, 2);
            }
        }

        Assert.Equal(["m0", "m1", "m2", "m4", "m6", "m7", "m8", "m9"], texts);
        Assert.Equal([11, 12, 13, 14, 15, 16, 17, 18], positions);
        Assert.Equal(0, list.BodyBytes);
    }

    private sealed record Place(int Level, ulong Sequence, string Text, int BodyBytes) : IComparable<Place>
    {
        public int CompareTo(Place? other) => (-Level, Sequence).CompareTo((-other!.Level, other.Sequence));

        internal static Place Of(QueueEntry entry) => new(entry.Priority, entry.Sequence, entry.Message.GetText(), entry.BodyBytes);
    }
}
