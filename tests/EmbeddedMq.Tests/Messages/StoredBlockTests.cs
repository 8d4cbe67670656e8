using EmbeddedMq.Messages;

namespace EmbeddedMq.Tests.Messages;

/// <summary>A block whose messages move into another one, and those who settle them meanwhile.</summary>
public sealed class StoredBlockTests
{
    [Fact]
    public void Settle_BeforeDuringAndAfterTheMove_SettlesInBothBlocks()
    {
        StoredBlock old = new(1, 0, 100, 4_000, 10, 1_000);
        old.Settle(0);
        StoredBlock taken = new(1, 0, 5_000, 900, 9, 900);
        BlockMove move = new(taken, 2, [1, 3, 5, 7]);
        old.Settle(3); // after it was read, before the move

        old.MoveTo(move);
        old.Settle(7);

        Assert.Equal([false, false, false, true, false, true], Enumerable.Range(0, 6).Select(taken.IsSettled));
        Assert.Equal((7, 7), (old.LiveCount, taken.LiveCount));
        Assert.Equal(-1, old.Settle(7));
        Assert.True(old.TryFind(5, out StoredBlock holder, out int index));
        Assert.Equal((taken, 4), (holder, index));
        Assert.False(old.TryFind(0, out _, out _));
    }

    [Fact]
    public void PlacesOf_ABlockThatMovedTwice_AreThoseThatACheckpointMayKnow()
    {
        StoredBlock first = new(1, 0, 100, 4_000, 10, 1_000);
        StoredBlock second = new(1, 0, 5_000, 900, 2, 200);
        StoredBlock third = new(1, 0, 9_000, 900, 1, 100);
        BlockMove one = new(second, 0, [4, 6]);
        first.MoveTo(one);
        one.NoteTold();
        BlockMove two = new(third, 0, [1]);
        second.MoveTo(two);

        Assert.Equal([(second, 1), (third, 0)], first.PlacesOf(6));
        Assert.Empty(first.PlacesOf(3)); // settled before the first move
        Assert.Equal([(second, 0)], first.PlacesOf(4)); // settled before the second one
        two.NoteTold();
        Assert.Equal([(third, 0)], first.PlacesOf(6));
        first.Settle(6);
        Assert.True(third.IsSettled(0));
    }

    [Fact]
    public async Task MoveTo_BesideThoseWhoSettle_LosesNoSettlement()
    {
        const int Count = 4_096;
        for (int round = 0; round < 200; round++)
        {
            StoredBlock old = new(1, 0, 100, 4_000, Count, Count);
            StoredBlock taken = new(1, 0, 5_000, 4_000, Count, Count);
            using Barrier barrier = new(2);
            Task settling = Task.Run(
                () =>
                {
                    barrier.SignalAndWait();
                    for (int i = 0; i < Count; i++)
                    {
                        old.Settle(i, 1);
                    }
                },
                TestContext.Current.CancellationToken);
            barrier.SignalAndWait();
            old.MoveTo(new BlockMove(taken, 0, [.. Enumerable.Range(0, Count).Select(static i => (ushort)i)]));
            await settling;
            Assert.Equal((0, 0, 0L), (old.LiveCount, taken.LiveCount, taken.LiveBytes));
        }
    }
}
