using EmbeddedMq.Threading;

namespace EmbeddedMq.Tests.Threading;

/// <summary>What a mailbox promises its reader, and those who post.</summary>
public sealed class MailboxTests
{
    private readonly Mailbox<int> _mailbox = new();

    [Fact]
    public async Task Wait_WithItems_CompletesAtOnce()
    {
        Assert.True(_mailbox.TryPostAndWake(7));
        Assert.True(_mailbox.HasItems);
        ValueTask<bool> wait = _mailbox.WaitToTakeAsync(CancellationToken.None);
        Assert.True(wait.IsCompleted);
        Assert.True(await wait);
        Assert.True(_mailbox.TryTake(out int item));
        Assert.Equal(7, item);
        Assert.False(_mailbox.TryTake(out _));
    }

    [Fact]
    public async Task Wait_NothingThere_CompletesWithThePost()
    {
        for (int i = 0; i < 3; i++)
        {
            ValueTask<bool> wait = _mailbox.WaitToTakeAsync(CancellationToken.None);
            Assert.False(wait.IsCompleted);
            _mailbox.TryPostAndWake(i);
            Assert.True(await wait);
            Assert.True(_mailbox.TryTake(out int item));
            Assert.Equal(i, item);
        }
    }

    [Fact]
    public async Task Complete_WhileTheReaderWaits_EndsIt()
    {
        ValueTask<bool> wait = _mailbox.WaitToTakeAsync(CancellationToken.None);
        _mailbox.Complete();
        _mailbox.Complete();
        await wait; // to look once more
        Assert.False(await _mailbox.WaitToTakeAsync(CancellationToken.None));
        Assert.False(_mailbox.TryPostAndWake(1));
    }

    [Fact]
    public async Task Complete_WithItems_LetsTheReaderHaveThem()
    {
        _mailbox.TryPostAndWake(1);
        _mailbox.Complete();
        Assert.True(await _mailbox.WaitToTakeAsync(CancellationToken.None));
        Assert.True(_mailbox.TryTake(out _));
        Assert.False(await _mailbox.WaitToTakeAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Wait_Cancelled_ThrowsAndCanBeginAgain()
    {
        using CancellationTokenSource cancellation = new();
        ValueTask<bool> wait = _mailbox.WaitToTakeAsync(cancellation.Token);
        await cancellation.CancelAsync();
        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await wait);
        Assert.Equal(cancellation.Token, error.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _mailbox.WaitToTakeAsync(cancellation.Token));

        ValueTask<bool> next = _mailbox.WaitToTakeAsync(CancellationToken.None);
        _mailbox.TryPostAndWake(1);
        Assert.True(await next);
    }

    [Fact]
    public async Task Items_FromAThreadThatPostsToOneThatWaits_AllComeInOrder()
    {
        const int Count = 200_000;
        Task<int> reading = Task.Run(async () =>
        {
            int expected = 0;
            while (await _mailbox.WaitToTakeAsync(CancellationToken.None))
            {
                while (_mailbox.TryTake(out int item))
                {
                    Assert.Equal(expected++, item);
                }
            }

            return expected;
        });
        for (int i = 0; i < Count; i++)
        {
            Assert.True(_mailbox.TryPostAndWake(i));
        }

        _mailbox.Complete();
        Assert.Equal(Count, await reading);
    }
}
