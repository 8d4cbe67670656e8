using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues;

public sealed class PriorityReadyListTests
{
    /// <summary>Against a plain sorted list: highest priority first, then position, whatever left and came back.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(255)]
    public void List_AnyUse_IsSortedByPriorityAndPosition(int maxPriority)
    {
        int seed = Seeds.Pick(12);
        Random random = Seeds.Generator(seed, maxPriority);
        using QueueStand stand = new();
        Queue owner = stand.Declare(new QueueDeclaration("q"));
        PriorityReadyList list = new(maxPriority);
        SortedDictionary<(int Level, ulong Sequence), QueueEntry> plain = [];
        List<QueueEntry> taken = [];
        ulong sequence = 0;
        for (int step = 0; step < 20_000; step++)
        {
            switch (random.Next(step / 2_000 % 2 == 0 ? 4 : 6))
            {
                case 0 or 1:
                    byte? priority = random.Next(4) == 0 ? null : (byte)random.Next(256);
                    QueueEntry entry = new(Message.TakeOwnership(new byte[random.Next(20)]), "", "", owner)
                    {
                        Sequence = ++sequence,
                        Priority = list.LevelOf(priority),
                    };
                    Assert.Equal(Math.Min(priority ?? 0, maxPriority), entry.Priority);
                    list.Add(entry);
                    plain.Add(KeyOf(entry), entry);
                    break;
                case 2 when taken.Count > 0:
                    int index = random.Next(taken.Count);
                    list.Return(taken[index]);
                    plain.Add(KeyOf(taken[index]), taken[index]);
                    taken.RemoveAt(index);
                    break;
                default:
                    QueueEntry? expected = plain.Values.FirstOrDefault();
                    Assert.Equal(expected is not null, list.TryTake(out QueueEntry? first));
                    Assert.Same(expected, first);
                    if (first is not null)
                    {
                        plain.Remove(KeyOf(first));
                        taken.Add(first);
                    }

                    break;
            }

            Assert.True(plain.Count == list.Count, $"Seed {seed}, step {step}.");
            if (step % 100 == 0)
            {
                Assert.Equal(plain.Values.Sum(static e => (long)e.BodyBytes), list.BodyBytes);
            }

            Assert.Equal(plain.Count == 0, list.IsEmpty);
            list.TryPeek(out QueueEntry? head);
            Assert.Same(plain.Values.FirstOrDefault(), head);
        }

        static (int Level, ulong Sequence) KeyOf(QueueEntry entry) => (-entry.Priority, entry.Sequence);
    }
}
