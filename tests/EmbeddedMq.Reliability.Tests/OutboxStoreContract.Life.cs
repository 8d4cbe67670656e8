using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests;

// Waiting, reopening, and what the other parts use.
public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task Wait_WhenSomethingIsDue_CompletesAtOnce()
    {
        await AddAsync("a");

        await WithinPatienceAsync(Store.WaitAsync(TimeSpan.FromDays(1)).AsTask(), "waiting with a message due");
    }

    [Fact]
    public async Task Wait_WhenSomethingIsAdded_Completes()
    {
        Task wait = Store.WaitAsync(TimeSpan.FromDays(1)).AsTask();
        Assert.False(wait.IsCompleted);

        await AddAsync("a");

        await WithinPatienceAsync(wait, "waiting while a message was added");
    }

    [Fact]
    public async Task Wait_WhenAFailedOneIsRetried_Completes()
    {
        await AddAsync("a");
        await BringToAsync("a", OutboxStatus.Failed);
        Task wait = Store.WaitAsync(TimeSpan.FromDays(1)).AsTask();

        await Store.RetryAsync("a");

        await WithinPatienceAsync(wait, "waiting while a message was retried");
    }

    [Fact]
    public async Task Wait_WhenAPostponedOneBecomesDue_Completes()
    {
        await AddAsync("a");
        await Store.PostponeAsync(Assert.Single(await TakeAsync()), "no queue", Lease);
        Task wait = Store.WaitAsync(TimeSpan.FromDays(1)).AsTask();
        Assert.False(wait.IsCompleted);

        await AdvanceUntilAsync(wait, "waiting for a postponed message", atMost: Lease * 2);

        Assert.Equal(["a"], Ids(await TakeAsync()));
    }

    [Fact]
    public async Task Wait_ForNothing_CompletesAtItsLimit()
    {
        Task wait = Store.WaitAsync(Lease).AsTask();
        Assert.False(wait.IsCompleted);

        await AdvanceUntilAsync(wait, "waiting to its limit", atMost: Lease * 2);
    }

    [Fact]
    public async Task Wait_Cancelled_Throws()
    {
        using CancellationTokenSource cancellation = new();
        Task wait = Store.WaitAsync(TimeSpan.FromDays(1), cancellation.Token).AsTask();

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(BrokerFixture.Patience));
    }

    [Fact]
    public async Task Reopened_EachStatus_IsAsItWas()
    {
        OutboxMessage rich = Rich("failed");
        await Store.AddAsync([rich, Make("confirmed"), Make("postponed"), Make("sent")]);
        IReadOnlyList<OutboxEntry> taken = await TakeAsync();
        await Store.FailAsync(taken[0], "gave up");
        await Store.ConfirmAsync([taken[1]]);
        await Store.PostponeAsync(taken[2], "no queue", Lease * 10);
        await AddAsync("pending 1", "pending 2");

        await ReopenAsync();

        OutboxEntry failed = Assert.Single(await ListAsync(OutboxStatus.Failed));
        AssertSame(rich, failed.Message);
        Assert.Equal("gave up", failed.LastError);
        Assert.Equal(1, failed.Attempts);
        await ExpectGoneAsync("confirmed");
        OutboxEntry postponed = await FindAsync("postponed");
        Assert.Equal("no queue", postponed.LastError);
        Assert.Equal(1, postponed.Attempts);

        // The one that was in hand comes again: at once, or when its lease is over.
        await AdvanceAsync(Lease);
        IReadOnlyList<OutboxEntry> again = await TakeAsync();
        Assert.Equal(["sent", "pending 1", "pending 2"], Ids(again));
        Assert.Equal(2, again[0].Attempts);
        Assert.True(await Store.RetryAsync("failed"));
        AssertSame(rich, Assert.Single(await TakeAsync()).Message);
    }

    [Fact]
    public async Task Reopened_OrderKeys_HoldBackAsBefore()
    {
        await Store.AddAsync([Make("a1", "a"), Make("a2", "a"), Make("b1", "b"), Make("b2", "b"), Make("c1", "c"), Make("c2", "c")]);
        await Store.FailAsync(Assert.Single(await TakeAsync(max: 1)), "gave up");
        OutboxEntry head = (await TakeAsync(max: 1))[0];
        Assert.Equal("b1", head.Message.Id);
        await Store.PostponeAsync(head, "no queue", Lease * 10);

        await ReopenAsync();
        await AdvanceAsync(Lease);

        await ExpectInOrderAsync("c1", "c2");
        await Store.DiscardAsync("a1");
        await ExpectInOrderAsync("a2");
    }

    [Fact]
    public async Task Reopened_AnIdThatIsStored_IsRefused()
    {
        await AddAsync("a");
        await ReopenAsync();

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Store.AddAsync([Make("a")]));
    }

    /// <summary>A small message.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="orderKey">Its order key.</param>
    protected static OutboxMessage Make(string id, string? orderKey = null) => new()
    {
        Id = id,
        Exchange = "",
        RoutingKey = "orders",
        Message = Message.Text("body of " + id, new MessageProperties { MessageId = id }),
        OrderKey = orderKey,
    };

    /// <summary>A message that says everything a message can say.</summary>
    /// <param name="id">Its id.</param>
    protected static OutboxMessage Rich(string id) => new()
    {
        Id = id,
        Exchange = "shop",
        RoutingKey = "order.placed",
        Mandatory = false,
        OrderKey = "customer 1",
        Message = new Message(
            [0, 1, 2, 254, 255],
            new MessageProperties
            {
                ContentType = "application/octet-stream",
                ContentEncoding = "gzip",
                Headers = new HeaderTable(
                [
                    new("text", "Grüße 😀"),
                    new("int", 42),
                    new("long", long.MinValue),
                    new("bool", true),
                    new("double", -0.5),
                    new("bytes", new byte[] { 0, 255 }),
                    new("nothing", null),
                    new("time", DateTimeOffset.FromUnixTimeSeconds(1_900_000_000)),
                    new("table", HeaderTable.Of("inner", "value")),
                    new("list", new object?[] { 1, "two", null }),
                ]),
                DeliveryMode = DeliveryMode.Persistent,
                Priority = 9,
                CorrelationId = "correlation",
                ReplyTo = "answers",
                Expiration = "60000",
                MessageId = id,
                Timestamp = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000),
                Type = "Order",
                UserId = "guest",
                AppId = "shop",
                ClusterId = "cluster",
            }),
    };

    /// <summary>Takes what is due.</summary>
    protected ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max = 100) => Store.TakeAsync(max, Lease);

    /// <summary>Adds small messages.</summary>
    protected ValueTask AddAsync(params string[] ids) => Store.AddAsync([.. ids.Select(static id => Make(id))]);

    /// <summary>The ids of messages, in their order.</summary>
    protected static string[] Ids(IEnumerable<OutboxEntry> entries) => [.. entries.Select(static entry => entry.Message.Id)];

    private static void AssertSame(OutboxMessage expected, OutboxMessage actual)
    {
        Assert.Equal(expected.Id, actual.Id);
        Assert.Equal(expected.Exchange, actual.Exchange);
        Assert.Equal(expected.RoutingKey, actual.RoutingKey);
        Assert.Equal(expected.Mandatory, actual.Mandatory);
        Assert.Equal(expected.OrderKey, actual.OrderKey);
        Assert.Equal(expected.Message.Body.ToArray(), actual.Message.Body.ToArray());
        Assert.Equal(expected.Message.Properties, actual.Message.Properties);
    }

    /// <summary>Brings the oldest message, which is due, to a status.</summary>
    private async Task BringToAsync(string id, OutboxStatus status)
    {
        if (status == OutboxStatus.Pending)
        {
            return;
        }

        OutboxEntry taken = Assert.Single(await TakeAsync(max: 1));
        Assert.Equal(id, taken.Message.Id);
        switch (status)
        {
            case OutboxStatus.Confirmed:
                await Store.ConfirmAsync([taken]);
                break;
            case OutboxStatus.Failed:
                await Store.FailAsync(taken, "gave up");
                break;
            default:
                break;
        }
    }

    /// <summary>A message that is there.</summary>
    /// <param name="id">Its id.</param>
    protected async Task<OutboxEntry> FindAsync(string id)
    {
        OutboxEntry? entry = await Store.FindAsync(id);
        Assert.NotNull(entry);
        return entry;
    }

    private async Task ExpectGoneAsync(string id)
    {
        OutboxEntry? entry = await Store.FindAsync(id);
        Assert.True(entry is null or { Status: OutboxStatus.Confirmed }, entry?.Status.ToString());
    }

    private async Task<IReadOnlyList<OutboxEntry>> ListAsync(OutboxStatus status)
    {
        List<OutboxEntry> entries = [];
        await foreach (OutboxEntry entry in Store.ListAsync(status))
        {
            entries.Add(entry);
        }

        return entries;
    }

    /// <summary>Lets time pass in steps until a wait is over. The store may arm its timer a moment after the call, or after the clock has moved: it may take
    /// some times as long then.</summary>
    private async Task AdvanceUntilAsync(Task wait, string what, TimeSpan atMost)
    {
        TimeSpan step = atMost / 8;
        for (TimeSpan passed = TimeSpan.Zero; passed < atMost * 20 && !wait.IsCompleted; passed += step)
        {
            await AdvanceAsync(step);
            for (int i = 0; i < 100 && !wait.IsCompleted; i++)
            {
                await Task.Yield();
            }
        }

        await WithinPatienceAsync(wait, what);
    }
}
