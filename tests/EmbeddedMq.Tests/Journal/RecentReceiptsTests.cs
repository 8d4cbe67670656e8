using EmbeddedMq.Journal;

namespace EmbeddedMq.Tests.Journal;

public sealed class RecentReceiptsTests
{
    [Fact]
    public void Find_WhatWasPut_GivesTheLastOfItsKeyAndNoOther()
    {
        RecentReceipts recent = new();
        Assert.False(recent.TryFind(0, out _));

        recent.Put(1, ReceiptOf(1, 10));
        recent.Put(2, ReceiptOf(2, 20));
        recent.Put(1, ReceiptOf(1, 30));

        Assert.True(recent.TryFind(1, out IndexedReceipt found));
        Assert.Equal(30, found.AtUtcMs);
        Assert.True(recent.TryFind(2, out _));
        Assert.False(recent.TryFind(new UInt128(1, 1), out _)); // the place of 1
    }

    [Fact]
    public async Task Find_WhileOthersPutIntoThePlace_IsWholeOrNothing()
    {
        const int Keys = 4;
        RecentReceipts recent = new();
        int left = Keys;
        Task[] putting = [.. Enumerable.Range(0, Keys).Select(number => Task.Run(() =>
        {
            for (int i = 1; i <= 100_000; i++)
            {
                recent.Put(KeyOf(number), ReceiptOf(KeyOf(number), i));
            }

            Interlocked.Decrement(ref left);
        }))];

        while (Volatile.Read(ref left) > 0)
        {
            for (int number = 0; number < Keys; number++)
            {
                Assert.True(!recent.TryFind(KeyOf(number), out IndexedReceipt found) || found.Fingerprint == KeyOf(number) + (UInt128)found.AtUtcMs);
            }
        }

        await Task.WhenAll(putting);
        recent.Put(KeyOf(0), ReceiptOf(KeyOf(0), 7));
        Assert.True(recent.TryFind(KeyOf(0), out IndexedReceipt last) && last.AtUtcMs == 7);
    }

    // All in one place.
    private static UInt128 KeyOf(int number) => new((ulong)number, 5);

    private static IndexedReceipt ReceiptOf(UInt128 key, long at) => new(key + (UInt128)at, 1, at);
}
