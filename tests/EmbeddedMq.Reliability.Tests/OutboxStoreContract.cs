namespace EmbeddedMq.Reliability.Tests;

/// <summary>What every <see cref="IOutboxStore"/> must do with single messages, batches and statuses. Each store has a subclass.</summary>
/// <remarks>Order, several relays, waiting and reopening are in the other parts.</remarks>
public abstract partial class OutboxStoreContract : StoreContract<IOutboxStore>
{
    [Fact]
    public async Task Count_OfThoseThatAreNotConfirmed_TellsSinceWhenTheOldestWaits()
    {
        Assert.Null((await Store.CountAsync()).OldestAt);
        await AddAsync("a");
        await AdvanceAsync(TimeSpan.FromMilliseconds(20));
        await AddAsync("b");
        Assert.Equal((await FindAsync("a")).StoredAt, (await Store.CountAsync()).OldestAt);

        OutboxEntry[] taken = [.. await Store.TakeAsync(2, TimeSpan.FromMinutes(1))];
        Assert.Equal((await FindAsync("a")).StoredAt, (await Store.CountAsync()).OldestAt);
        await Store.ConfirmAsync([taken[0]]);
        Assert.Equal((await FindAsync("b")).StoredAt, (await Store.CountAsync()).OldestAt);
        await Store.FailAsync(taken[1], "gave up");
        Assert.Null((await Store.CountAsync()).OldestAt);
    }

    [Fact]
    public async Task Add_OneMessage_IsPendingWithAllItSays()
    {
        OutboxMessage message = Rich("a");
        await Store.AddAsync([message]);

        OutboxEntry entry = await FindAsync("a");

        Assert.Equal(OutboxStatus.Pending, entry.Status);
        Assert.Equal(0, entry.Attempts);
        Assert.Null(entry.LastError);
        AssertIsNow(entry.StoredAt);
        AssertIsNow(entry.ChangedAt);
        Assert.True(entry.DueAt <= Now + TimeSpan.FromSeconds(5));
        AssertSame(message, entry.Message);
        AssertSame(message, Assert.Single(await TakeAsync()).Message);
    }

    [Fact]
    public async Task Add_MessagesOfEveryKind_ComeBackAsTheyWere()
    {
        OutboxMessage[] messages =
        [
            Rich("rich"),
            Make("bare") with { Message = new Message([], new MessageProperties { MessageId = "bare" }) },
            Make("large") with { Message = new Message(new byte[300_000], new MessageProperties { MessageId = "large" }) },
            Make("optional") with { Mandatory = false },
            Make("ordered") with { OrderKey = new string('é', 127) },
            Make("unicode") with { Exchange = "Börse", RoutingKey = "日本.語" },
        ];
        await Store.AddAsync(messages);

        IReadOnlyList<OutboxEntry> entries = await TakeAsync();

        Assert.Equal(messages.Length, entries.Count);
        foreach ((OutboxMessage message, OutboxEntry entry) in messages.Zip(entries))
        {
            AssertSame(message, entry.Message);
        }
    }

    [Fact]
    public async Task Add_IdsOfEveryKind_AreToldApart()
    {
        await Store.AddAsync([.. UnusualIds.Select(static id => Make(id))]);

        foreach (string id in UnusualIds)
        {
            Assert.Equal(id, (await FindAsync(id)).Message.Id);
        }

        Assert.Equal(UnusualIds, Ids(await TakeAsync()));
    }

    [Fact]
    public async Task Add_Nothing_ChangesNothing()
    {
        await Store.AddAsync([]);

        Assert.Equal(default, await Store.CountAsync());
    }

    [Fact]
    public async Task Add_AnIdThatIsThere_IsRefusedWithTheWholeBatch()
    {
        await AddAsync("a");

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Store.AddAsync([Make("new"), Make("a"), Make("newer")]));

        Assert.Null(await Store.FindAsync("new"));
        Assert.Null(await Store.FindAsync("newer"));
        Assert.Equal(["a"], Ids(await TakeAsync()));
    }

    [Fact]
    public async Task Add_OneIdTwiceInABatch_IsRefusedWhole()
    {
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Store.AddAsync([Make("a"), Make("b"), Make("a")]));

        Assert.Null(await Store.FindAsync("a"));
        Assert.Null(await Store.FindAsync("b"));
        Assert.Equal(default, await Store.CountAsync());
    }

    [Theory]
    [InlineData(OutboxStatus.Pending)]
    [InlineData(OutboxStatus.Sent)]
    [InlineData(OutboxStatus.Failed)]
    public async Task Add_AnIdThatIsInHandOrFailed_IsRefused(OutboxStatus status)
    {
        await AddAsync("a");
        await BringToAsync("a", status);

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Store.AddAsync([Make("a")]));

        Assert.Equal(status, (await FindAsync("a")).Status);
    }

    [Fact]
    public async Task Take_OfSeveral_GivesTheOldestFirstAndNoMoreThanAsked()
    {
        await AddAsync("a", "b");
        await AddAsync("c");
        await AddAsync("d", "e");

        Assert.Equal(["a", "b", "c"], Ids(await TakeAsync(max: 3)));
        Assert.Equal(["d"], Ids(await TakeAsync(max: 1)));
        Assert.Equal(["e"], Ids(await TakeAsync()));
        Assert.Empty(await TakeAsync());
    }

    [Fact]
    public async Task Take_OfAMessage_MakesItSentAndCountsAnAttempt()
    {
        await AddAsync("a");

        OutboxEntry taken = Assert.Single(await TakeAsync());

        Assert.Equal(OutboxStatus.Sent, taken.Status);
        Assert.Equal(1, taken.Attempts);
        OutboxEntry found = await FindAsync("a");
        Assert.Equal(OutboxStatus.Sent, found.Status);
        Assert.Equal(1, found.Attempts);
    }

    [Fact]
    public async Task Confirm_OfWhatWasTaken_EndsIt()
    {
        await AddAsync("a", "b", "c");
        IReadOnlyList<OutboxEntry> taken = await TakeAsync();

        await Store.ConfirmAsync([taken[0], taken[2]]);

        Assert.Equal(new OutboxCounts(Pending: 0, Sent: 1, Failed: 0), await Store.CountAsync() with { OldestAt = null });
        await ExpectGoneAsync("a");
        Assert.Equal(OutboxStatus.Sent, (await FindAsync("b")).Status);
        await AdvanceAsync(Lease);
        Assert.Equal(["b"], Ids(await TakeAsync()));
    }

    [Fact]
    public async Task Confirm_TwiceOrOfNothing_ChangesNothing()
    {
        await AddAsync("a", "b");
        OutboxEntry taken = Assert.Single(await TakeAsync(max: 1));
        await Store.ConfirmAsync([taken]);

        await Store.ConfirmAsync([taken]);
        await Store.ConfirmAsync([]);

        Assert.Equal(new OutboxCounts(Pending: 1, Sent: 0, Failed: 0), await Store.CountAsync() with { OldestAt = null });
    }

    [Fact]
    public async Task Postpone_WithAnError_IsDueAfterItsDelayAndCountsTheAttempt()
    {
        await AddAsync("a");
        await Store.PostponeAsync(Assert.Single(await TakeAsync()), "no queue", Lease);

        Assert.Empty(await TakeAsync());
        OutboxEntry waiting = await FindAsync("a");
        Assert.Equal(OutboxStatus.Pending, waiting.Status);
        Assert.Equal("no queue", waiting.LastError);
        Assert.Equal(1, waiting.Attempts);
        Assert.InRange(waiting.DueAt, Now + (Lease * 0.5), Now + Lease + TimeSpan.FromSeconds(5));
        await AdvanceAsync(Lease);
        OutboxEntry again = Assert.Single(await TakeAsync());
        Assert.Equal(2, again.Attempts);
        Assert.Equal("no queue", again.LastError);
    }

    [Fact]
    public async Task Postpone_WithoutAnError_DoesNotCountTheAttempt()
    {
        await AddAsync("a");
        for (int i = 0; i < 3; i++)
        {
            OutboxEntry taken = Assert.Single(await TakeAsync());
            Assert.Equal(1, taken.Attempts);
            Assert.Null(taken.LastError);
            await Store.PostponeAsync(taken, error: null, TimeSpan.Zero);
            Assert.Equal(0, (await FindAsync("a")).Attempts);
        }
    }

    [Fact]
    public async Task Postpone_WithoutAnErrorAfterOneWithIt_KeepsTheError()
    {
        await AddAsync("a");
        await Store.PostponeAsync(Assert.Single(await TakeAsync()), "no queue", TimeSpan.Zero);
        await Store.PostponeAsync(Assert.Single(await TakeAsync()), error: null, TimeSpan.Zero);

        OutboxEntry entry = await FindAsync("a");
        Assert.Equal(1, entry.Attempts);
        Assert.Equal("no queue", entry.LastError);
    }

    [Fact]
    public async Task Postpone_WithALongError_KeepsItsBeginning()
    {
        string error = "é\"'\\\n" + new string('x', 100_000);
        await AddAsync("a");
        await Store.PostponeAsync(Assert.Single(await TakeAsync()), error, TimeSpan.Zero);

        string kept = (await FindAsync("a")).LastError!;

        Assert.True(kept.Length >= 500 && error.StartsWith(kept.TrimEnd('…'), StringComparison.Ordinal), kept.Length < 700 ? kept : kept[..700]);
    }

    [Fact]
    public async Task Postpone_ForALongTime_LetsOthersGoFirst()
    {
        await AddAsync("a", "b");
        await Store.PostponeAsync(Assert.Single(await TakeAsync(max: 1)), "no queue", Lease * 2);

        Assert.Equal(["b"], Ids(await TakeAsync()));
    }

    [Fact]
    public async Task Fail_OfAMessage_KeepsItUnsent()
    {
        await AddAsync("a", "b");
        await BringToAsync("a", OutboxStatus.Failed);

        await AdvanceAsync(Lease);

        Assert.Equal(["b"], Ids(await TakeAsync()));
        OutboxEntry failed = await FindAsync("a");
        Assert.Equal(OutboxStatus.Failed, failed.Status);
        Assert.Equal(1, failed.Attempts);
        Assert.Equal("gave up", failed.LastError);
        Assert.Equal(new OutboxCounts(Pending: 0, Sent: 1, Failed: 1), await Store.CountAsync() with { OldestAt = null });
    }

    [Fact]
    public async Task Retry_OfAFailedMessage_SendsItWithItsAttemptsCountedAnew()
    {
        OutboxMessage message = Rich("a");
        await Store.AddAsync([message]);
        await BringToAsync("a", OutboxStatus.Failed);

        Assert.True(await Store.RetryAsync("a"));

        Assert.Equal(OutboxStatus.Pending, (await FindAsync("a")).Status);
        OutboxEntry taken = Assert.Single(await TakeAsync());
        Assert.Equal(1, taken.Attempts);
        AssertSame(message, taken.Message);
        Assert.False(await Store.RetryAsync("a"));
    }

    [Fact]
    public async Task Discard_OfAFailedMessage_RemovesIt()
    {
        await AddAsync("a");
        await BringToAsync("a", OutboxStatus.Failed);

        Assert.True(await Store.DiscardAsync("a"));

        Assert.Null(await Store.FindAsync("a"));
        Assert.Equal(default, await Store.CountAsync());
        Assert.False(await Store.DiscardAsync("a"));
    }

    [Theory]
    [InlineData(OutboxStatus.Pending)]
    [InlineData(OutboxStatus.Sent)]
    [InlineData(OutboxStatus.Confirmed)]
    public async Task RetryAndDiscard_OfWhatHasNotFailed_SayNo(OutboxStatus status)
    {
        await AddAsync("a");
        await BringToAsync("a", status);

        Assert.False(await Store.RetryAsync("a"));
        Assert.False(await Store.DiscardAsync("a"));
        Assert.False(await Store.RetryAsync("unknown"));
        Assert.False(await Store.DiscardAsync("unknown"));

        if (status == OutboxStatus.Confirmed)
        {
            await ExpectGoneAsync("a");
        }
        else
        {
            Assert.Equal(status, (await FindAsync("a")).Status);
        }
    }

    [Fact]
    public async Task Find_OfAnUnknownId_IsNothing()
    {
        await AddAsync("a");

        Assert.Null(await Store.FindAsync("A"));
    }

    [Fact]
    public async Task ListAndCount_WithEveryStatus_TellThem()
    {
        await AddAsync("sent 1", "failed 1", "confirmed", "failed 2", "sent 2");
        IReadOnlyList<OutboxEntry> taken = await TakeAsync();
        await AddAsync("pending 1", "pending 2", "pending 3");
        await Store.FailAsync(taken[1], "first");
        await Store.ConfirmAsync([taken[2]]);
        await Store.FailAsync(taken[3], "second");

        Assert.Equal(["pending 1", "pending 2", "pending 3"], Ids(await ListAsync(OutboxStatus.Pending)));
        Assert.Equal(["sent 1", "sent 2"], Ids(await ListAsync(OutboxStatus.Sent)));
        IReadOnlyList<OutboxEntry> failed = await ListAsync(OutboxStatus.Failed);
        Assert.Equal(["failed 1", "failed 2"], Ids(failed));
        Assert.Equal(["first", "second"], failed.Select(static entry => entry.LastError));
        Assert.Equal(new OutboxCounts(Pending: 3, Sent: 2, Failed: 2), await Store.CountAsync() with { OldestAt = null });
    }

    [Fact]
    public async Task List_OfManyWhileTheyAreChanged_GivesEachAtMostOnce()
    {
        const int Count = 1_000;
        await Store.AddAsync([.. Enumerable.Range(0, Count).Select(static i => Make(Text(i)))]);
        foreach (OutboxEntry taken in await TakeAsync(max: Count))
        {
            await Store.FailAsync(taken, "no");
        }

        List<string> listed = [];
        await foreach (OutboxEntry entry in Store.ListAsync(OutboxStatus.Failed))
        {
            listed.Add(entry.Message.Id);
            Assert.True(await Store.DiscardAsync(entry.Message.Id));
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(Text), listed);
        Assert.Equal(default, await Store.CountAsync());
    }
}
