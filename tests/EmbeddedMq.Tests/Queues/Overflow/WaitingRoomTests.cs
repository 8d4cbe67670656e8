using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues;

public sealed class WaitingRoomTests
{
    /// <summary>Against a plain list from which what is withdrawn goes at once.</summary>
    [Fact]
    public void WaitingRoom_AnyUse_IsALineWithoutThoseWhoLeftIt()
    {
        int seed = Seeds.Pick(13);
        Random random = Seeds.Generator(seed);
        using QueueStand stand = new();
        Queue owner = stand.Declare(new QueueDeclaration("q"));
        WaitingRoom room = new();
        List<(QueueEntry Entry, PendingPublish? Publish)> plain = [];
        for (int step = 0; step < 20_000; step++)
        {
            switch (random.Next(step / 3_000 % 2 == 0 ? 3 : 5))
            {
                case 0 or 1:
                    (QueueEntry, PendingPublish?) added = (new QueueEntry(Message.Text("m"), "", "", owner), random.Next(5) == 0 ? null : new PendingPublish());
                    room.Add(added.Item1, added.Item2);
                    plain.Add(added);
                    break;
                case 2 when plain.Count > 0:
                    Assert.True(room.TryPeek(out QueueEntry? first));
                    Assert.Same(plain[0].Entry, first);
                    Assert.Same(plain[0].Publish, room.Take());
                    plain.RemoveAt(0);
                    break;
                case 3 or 4 when plain.Count > 0:
                    int index = random.Next(plain.Count);
                    plain[index].Entry.Move(EntryState.Waiting, EntryState.Settled);
                    room.Forget();
                    plain.RemoveAt(index);
                    break;
            }

            Assert.True(plain.Count == room.Count, $"Seed {seed}, step {step}.");
            Assert.Equal(plain.Count > 0, room.TryPeek(out QueueEntry? head));
            Assert.Same(plain.Count > 0 ? plain[0].Entry : null, head);
        }
    }
}
