using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests;

// Order keys, leases and several relays on one store.
public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task OrderKey_OfSeveralThatAreDue_ComesInOrder()
    {
        await Store.AddAsync([Make("a1", "a"), Make("b1", "b"), Make("a2", "a"), Make("x"), Make("a3", "a"), Make("b2", "b")]);
        List<string> sent = [];
        while (await TakeAsync() is { Count: > 0 } taken)
        {
            sent.AddRange(Ids(taken));
            await Store.ConfirmAsync(taken);
        }

        Assert.Equal(["a1", "a2", "a3"], sent.Where(static id => id[0] == 'a'));
        Assert.Equal(["b1", "b2"], sent.Where(static id => id[0] == 'b'));
        Assert.Equal(6, sent.Count);
    }

    [Fact]
    public async Task OrderKey_InOneRelaysHands_GivesAnotherNothingOfIt()
    {
        await Store.AddAsync([Make("a1", "a"), Make("a2", "a"), Make("b1", "b"), Make("x")]);
        IReadOnlyList<OutboxEntry> first = await TakeAsync(max: 1);
        Assert.Equal(["a1"], Ids(first));

        IReadOnlyList<OutboxEntry> second = await TakeAsync();

        Assert.Equal(["b1", "x"], Ids(second));
        await Store.ConfirmAsync(first);
        Assert.Equal(["a2"], Ids(await TakeAsync()));
    }

    [Fact]
    public async Task OrderKey_WithOnePostponed_HoldsBackThatKeyOnly()
    {
        await Store.AddAsync([Make("a1", "a"), Make("a2", "a"), Make("b1", "b"), Make("x")]);
        OutboxEntry head = Assert.Single(await TakeAsync(max: 1));
        await Store.PostponeAsync(head, "no queue", Lease);

        IReadOnlyList<OutboxEntry> others = await TakeAsync();
        Assert.Equal(["b1", "x"], Ids(others));
        await Store.ConfirmAsync(others);
        Assert.Empty(await TakeAsync());
        await AdvanceAsync(Lease);

        await ExpectInOrderAsync("a1", "a2");
    }

    [Fact]
    public async Task OrderKey_WhoseFirstHasFailed_IsTriedAgainWithoutThoseBehindIt()
    {
        await Store.AddAsync([Make("a1", "a"), Make("a2", "a"), Make("a3", "a"), Make("b1", "b")]);
        await Store.PostponeAsync(Assert.Single(await TakeAsync(max: 1)), "no queue", Lease);
        await AdvanceAsync(Lease);

        IReadOnlyList<OutboxEntry> taken = await TakeAsync(max: 3);

        Assert.Equal(["a1", "b1"], Ids(taken));
        await Store.ConfirmAsync(taken);
        await ExpectInOrderAsync("a2", "a3");
    }

    [Fact]
    public async Task OrderKey_WithSeveralPutBack_StaysInOrder()
    {
        await Store.AddAsync([Make("a1", "a"), Make("a2", "a"), Make("a3", "a")]);
        IReadOnlyList<OutboxEntry> taken = await TakeAsync();
        await Store.PostponeAsync(taken[0], "no queue", Lease);
        foreach (OutboxEntry behind in taken.Skip(1))
        {
            await Store.PostponeAsync(behind, error: null, TimeSpan.Zero);
        }

        Assert.Empty(await TakeAsync());
        await AdvanceAsync(Lease);

        await ExpectInOrderAsync("a1", "a2", "a3");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OrderKey_WithOneFailed_WaitsUntilThatIsRetriedOrDiscarded(bool retry)
    {
        await Store.AddAsync([Make("a1", "a"), Make("a2", "a"), Make("b1", "b")]);
        await Store.FailAsync(Assert.Single(await TakeAsync(max: 1)), "gave up");
        await Store.AddAsync([Make("a3", "a")]);

        IReadOnlyList<OutboxEntry> others = await TakeAsync();
        Assert.Equal(["b1"], Ids(others));
        await Store.ConfirmAsync(others);
        await AdvanceAsync(Lease);
        Assert.Empty(await TakeAsync());

        Assert.True(retry ? await Store.RetryAsync("a1") : await Store.DiscardAsync("a1"));
        await ExpectInOrderAsync(retry ? ["a1", "a2", "a3"] : ["a2", "a3"]);
    }

    [Fact]
    public async Task OrderKeys_OfEveryKind_AreToldApart()
    {
        await Store.AddAsync([.. UnusualIds.Select(static (key, i) => Make(Text(i), key))]);

        // One message for each key: none of them waits for another.
        Assert.Equal(UnusualIds.Count, (await TakeAsync()).Count);
    }

    [Fact]
    public async Task Lease_Over_TheMessageIsTakenAgain()
    {
        await AddAsync("a", "b");
        OutboxEntry first = Assert.Single(await TakeAsync(max: 1));
        Assert.Equal(["b"], Ids(await TakeAsync()));
        await AdvanceAsync(Lease);

        IReadOnlyList<OutboxEntry> second = await TakeAsync();

        Assert.Equal(["a", "b"], Ids(second));
        Assert.Equal(2, second[0].Attempts);
        Assert.Equal(1, first.Attempts);
    }

    [Fact]
    public async Task Lease_OverOfAnOrderKey_ComesInOrderAgain()
    {
        await Store.AddAsync([Make("a1", "a"), Make("a2", "a")]);
        await TakeAsync();
        await AdvanceAsync(Lease);

        await ExpectInOrderAsync("a1", "a2");
    }

    [Theory]
    [InlineData("confirm")]
    [InlineData("postpone")]
    [InlineData("put back")]
    [InlineData("fail")]
    public async Task LateAnswer_OfAnEarlierHolder_IsIgnored(string answer)
    {
        await AddAsync("a");
        OutboxEntry first = Assert.Single(await TakeAsync());
        await AdvanceAsync(Lease);
        OutboxEntry second = Assert.Single(await TakeAsync());

        await AnswerAsync(first, answer);

        OutboxEntry now = await FindAsync("a");
        Assert.Equal(OutboxStatus.Sent, now.Status);
        Assert.Equal(2, now.Attempts);
        Assert.Null(now.LastError);
        Assert.Empty(await TakeAsync());
        await Store.ConfirmAsync([second]);
        await ExpectGoneAsync("a");
    }

    [Theory]
    [InlineData("postpone")]
    [InlineData("put back")]
    [InlineData("fail")]
    public async Task LateAnswer_AfterAnotherHasConfirmed_IsIgnored(string answer)
    {
        await AddAsync("a");
        OutboxEntry first = Assert.Single(await TakeAsync());
        await AdvanceAsync(Lease);
        await Store.ConfirmAsync(await TakeAsync());

        await AnswerAsync(first, answer);

        await ExpectGoneAsync("a");
        Assert.Empty(await TakeAsync());
    }

    [Fact]
    public async Task Relays_FourOnOneStore_NeverHoldAMessageAtOnceAndKeepOrder()
    {
        const int Relays = 4;
        const int Messages = 300;
        const int Keys = 5;
        int seed = Seeds.Pick(20_302);
        Random random = Seeds.Generator(seed);
        OutboxMessage[] messages =
        [
            .. Enumerable.Range(0, Messages).Select(i => Make(Text(i), random.Next(2) == 0 ? null : "key " + Text(random.Next(Keys)))),
        ];
        ConcurrentDictionary<string, int> holders = new();
        ConcurrentQueue<string> confirmed = new();
        ConcurrentQueue<string> mistakes = new();

        async Task AddAllAsync()
        {
            for (int i = 0; i < Messages; i += 10)
            {
                await Store.AddAsync(messages[i..(i + 10)]);
                await Task.Yield();
            }
        }

        async Task RelayAsync(int relay)
        {
            Random choices = Seeds.Generator(seed, relay);
            while (confirmed.Count < Messages)
            {
                IReadOnlyList<OutboxEntry> taken = await TakeAsync(max: 1 + choices.Next(20));
                foreach (OutboxEntry entry in taken)
                {
                    if (!holders.TryAdd(entry.Message.Id, relay))
                    {
                        mistakes.Enqueue($"{relay} was given {entry.Message.Id} while {holders.GetValueOrDefault(entry.Message.Id)} had it");
                    }
                }

                await Task.Yield();
                HashSet<string> stopped = [];
                foreach (OutboxEntry entry in taken)
                {
                    // Once one of a key is put back, those behind it are too.
                    string? key = entry.Message.OrderKey;
                    bool putBack = choices.Next(5) == 0 || (key is not null && stopped.Contains(key));
                    holders.TryRemove(entry.Message.Id, out _);
                    if (putBack)
                    {
                        _ = key is not null && stopped.Add(key);
                        await Store.PostponeAsync(entry, choices.Next(2) == 0 ? "again" : null, TimeSpan.Zero);
                    }
                    else
                    {
                        // Noted before: when the store has it, the next of its key may be confirmed by another relay at once.
                        confirmed.Enqueue(entry.Message.Id);
                        await Store.ConfirmAsync([entry]);
                    }
                }
            }
        }

        Task all = Task.WhenAll([Task.Run(AddAllAsync), .. Enumerable.Range(1, Relays).Select(relay => Task.Run(() => RelayAsync(relay)))]);
        await all.WaitAsync(BrokerFixture.Patience * 4);

        Assert.True(mistakes.IsEmpty, $"Seed {seed}: {string.Join("; ", mistakes.Take(5))}");
        Assert.True(confirmed.Count == Messages && confirmed.Distinct().Count() == Messages, $"Seed {seed}: {confirmed.Count} confirmed");
        Assert.Equal(default, await Store.CountAsync());
        Dictionary<string, string?> keys = messages.ToDictionary(static message => message.Id, static message => message.OrderKey);
        foreach (IGrouping<string, string> ofKey in confirmed.Where(id => keys[id] is not null).GroupBy(id => keys[id]!))
        {
            Assert.True(ofKey.Select(int.Parse).SequenceEqual(ofKey.Select(int.Parse).Order()), $"Seed {seed}, {ofKey.Key}: {string.Join(", ", ofKey)}");
        }
    }

    /// <summary>Takes and confirms one batch after the other until nothing is due.</summary>
    protected async Task ExpectInOrderAsync(params string[] expected)
    {
        List<string> sent = [];
        while (await TakeAsync() is { Count: > 0 } taken)
        {
            sent.AddRange(Ids(taken));
            await Store.ConfirmAsync(taken);
        }

        Assert.Equal(expected, sent);
    }

    private ValueTask AnswerAsync(OutboxEntry entry, string answer) => answer switch
    {
        "confirm" => Store.ConfirmAsync([entry]),
        "postpone" => Store.PostponeAsync(entry, "late", Lease),
        "put back" => Store.PostponeAsync(entry, error: null, TimeSpan.Zero),
        _ => Store.FailAsync(entry, "late"),
    };
}
