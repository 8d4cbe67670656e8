using EmbeddedMq.Threading;

namespace EmbeddedMq.Tests.Threading;

/// <summary>That what one side puts the other takes, in order, each once, and that a steady flow allocates nothing.</summary>
public sealed class HandOverListTests
{
    private readonly HandOverList<string?> _list = new();

    [Fact]
    public void Take_NothingThere_SaysSo()
    {
        Assert.True(_list.IsEmpty);
        Assert.False(_list.TryTake(out _));
        _list.Put("one");
        Assert.False(_list.IsEmpty);
        Assert.Equal(1, _list.Count);
        _list.Put("two");
        Assert.Equal(2, _list.Count);
        Assert.True(_list.TryTake(out string? item));
        Assert.Equal("one", item);
        Assert.True(_list.TryTake(out item));
        Assert.Equal("two", item);
        Assert.True(_list.IsEmpty);
        Assert.False(_list.TryTake(out _));
    }

    [Fact]
    public void TakeSeen_WhatCameAfterTheLastLook_IsLeftToTheNext()
    {
        _list.Put("one");
        Assert.False(_list.TryTakeSeen(out _));
        Assert.True(_list.TryTake(out _));
        _list.Put("two");
        Assert.False(_list.TryTakeSeen(out _));
        _list.Put("three");
        Assert.True(_list.TryTake(out string? item));
        Assert.Equal("two", item);
        Assert.True(_list.TryTakeSeen(out item));
        Assert.Equal("three", item);
        Assert.False(_list.TryTakeSeen(out _));
    }

    /// <summary>More than a ring holds, taken while it grows, again and again: rings of every length are left and used again.</summary>
    [Theory]
    [InlineData(17)]
    [InlineData(1_000)]
    [InlineData(200_000)] // longer than the longest ring
    public void Put_MoreThanARingHolds_AllComeInOrder(int burst)
    {
        HandOverList<int> list = new();
        int put = 0;
        int taken = 0;
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < burst; i++)
            {
                list.Put(put++);
                if (i % 3 == 0)
                {
                    Assert.True(list.TryTake(out int item));
                    Assert.Equal(taken++, item);
                }
            }

            while (list.TryTake(out int item))
            {
                Assert.Equal(taken++, item);
            }

            Assert.Equal(put, taken);
            Assert.True(list.IsEmpty);
        }
    }

    [Fact]
    public void Flow_ThatHasFoundItsLength_AllocatesNothing()
    {
        HandOverList<int> list = new();
        Fill(list, 1_000);
        Empty(list);
        Fill(list, 1_000);
        Empty(list);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            Fill(list, 1_000);
            Empty(list);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Take_LetsGoOfTheItem()
    {
        HandOverList<object> list = new();
        WeakReference item = PutAndTake(list);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.False(item.IsAlive);
        GC.KeepAlive(list);
    }

    [Fact]
    public async Task Items_FromOneThreadToAnother_AllComeInOrder()
    {
        const int Count = 300_000;
        HandOverList<int> list = new();
        Task taking = Task.Run(() =>
        {
            SpinWait spin = default;
            for (int expected = 0; expected < Count; expected++)
            {
                int item;
                while (!list.TryTake(out item))
                {
                    spin.SpinOnce();
                }

                Assert.Equal(expected, item);
            }
        });
        for (int i = 0; i < Count; i++)
        {
            list.Put(i);
        }

        await taking;
        Assert.True(list.IsEmpty);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference PutAndTake(HandOverList<object> list)
    {
        object item = new();
        list.Put(item);
        list.TryTake(out _);
        return new WeakReference(item);
    }

    private static void Fill(HandOverList<int> list, int count)
    {
        for (int i = 0; i < count; i++)
        {
            list.Put(i);
        }
    }

    private static void Empty(HandOverList<int> list)
    {
        while (list.TryTake(out _))
        {
        }
    }
}
