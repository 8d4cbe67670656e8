using EmbeddedMq.Queues;

namespace EmbeddedMq.Tests.Queues.DeadLettering;

public sealed class DeathHistoryTests
{
    private static readonly DateTimeOffset Noon = new(2024, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void FirstDeath_WritesOneEntryAndTheHeadersOfFirstAndLastDeath()
    {
        Message message = Message.Text("late", new MessageProperties { Expiration = "5000", Priority = 3, DeliveryMode = DeliveryMode.Persistent });

        DeadLetter dead = DeathHistory.Record(message, Death("work", DeathReason.Expired) with { Time = Noon.AddMilliseconds(999) });

        HeaderTable entry = (HeaderTable)Entries(dead.Message)[0]!;
        Assert.Equal(["count", "reason", "queue", "time", "exchange", "routing-keys", "original-expiration"], entry.Keys);
        HeaderTable expected = new(
        [
            new("count", 1L),
            new("reason", "expired"),
            new("queue", "work"),
            new("time", Noon),
            new("exchange", "orders"),
            new("routing-keys", new[] { "key" }),
            new("original-expiration", "5000"),
        ]);
        Assert.Equal(expected, entry);
        Assert.Equal("expired", dead.Message.Headers["x-first-death-reason"]);
        Assert.Equal("work", dead.Message.Headers["x-first-death-queue"]);
        Assert.Equal("orders", dead.Message.Headers["x-first-death-exchange"]);
        Assert.Equal("expired", dead.Message.Headers["x-last-death-reason"]);
        Assert.Equal("work", dead.Message.Headers["x-last-death-queue"]);
        Assert.Equal("orders", dead.Message.Headers["x-last-death-exchange"]);
    }

    [Fact]
    public void Death_RemovesTheExpiration_AndKeepsAllElse()
    {
        MessageProperties properties = new()
        {
            Expiration = "0",
            Priority = 3,
            DeliveryMode = DeliveryMode.Persistent,
            MessageId = "id",
            Headers = HeaderTable.Of("mine", 1),
        };
        Message message = Message.Text("late", properties);

        Message dead = DeathHistory.Record(message, Death("work", DeathReason.Expired)).Message;

        Assert.Equal(properties with { Expiration = null, Headers = null }, dead.Properties with { Headers = null });
        Assert.Equal(1, dead.Headers["mine"]);
        Assert.True(message.Body.Equals(dead.Body)); // shared, not copied
        Assert.Equal("0", message.Properties.Expiration);
    }

    [Theory]
    [InlineData(DeathReason.Rejected, "rejected")]
    [InlineData(DeathReason.Expired, "expired")]
    [InlineData(DeathReason.MaxLength, "maxlen")]
    [InlineData(DeathReason.DeliveryLimit, "delivery_limit")]
    public void Reason_IsWritten_AndReadBack(DeathReason reason, string name)
    {
        Message dead = DeathHistory.Record(Message.Text("m"), Death("work", reason)).Message;

        Assert.Equal(name, dead.Headers["x-last-death-reason"]);
        Assert.Equal(reason, Assert.Single(EmbeddedMq.Death.ReadFrom(dead.Headers)).Reason);
    }

    [Fact]
    public void DeathsInSeveralQueues_AreListedNewestFirst()
    {
        Message message = Message.Text("m");
        foreach (string queue in new[] { "a", "b", "c", "d" })
        {
            message = DeathHistory.Record(message, Death(queue, DeathReason.Expired)).Message;
        }

        Assert.Equal(["d", "c", "b", "a"], EmbeddedMq.Death.ReadFrom(message.Headers).Select(death => death.Queue));
        Assert.Equal("a", message.Headers["x-first-death-queue"]);
        Assert.Equal("d", message.Headers["x-last-death-queue"]);
    }

    [Fact]
    public void RepeatedDeath_MovesItsEntryToTheFront_CountsAndKeepsTheFirstValues()
    {
        Message message = Message.Text("m", new MessageProperties { Expiration = "100" });
        message = DeathHistory.Record(message, Death("work", DeathReason.Expired)).Message;
        message = DeathHistory.Record(message, Death("retry", DeathReason.Expired)).Message;
        message = DeathHistory.Record(
            message.WithProperties(message.Properties with { Expiration = "200" }),
            new DeathCause("work", DeathReason.Expired, Noon.AddHours(1), "other", "other-key", [], null)).Message;

        IReadOnlyList<Death> deaths = EmbeddedMq.Death.ReadFrom(message.Headers);
        Assert.Equal(["work", "retry"], deaths.Select(death => death.Queue));
        Assert.Equal((2, Noon, "orders", "100"), (deaths[0].Count, deaths[0].Time, deaths[0].Exchange, deaths[0].OriginalExpiration));
        Assert.Equal(["key"], deaths[0].RoutingKeys);
        Assert.Equal(
            ["count", "exchange", "original-expiration", "queue", "reason", "routing-keys", "time"],
            ((HeaderTable)Entries(message)[0]!).Keys);
    }

    [Fact]
    public void SameQueue_OtherReason_IsAnotherEntry()
    {
        Message message = DeathHistory.Record(Message.Text("m"), Death("work", DeathReason.Expired)).Message;
        message = DeathHistory.Record(message, Death("work", DeathReason.Rejected)).Message;

        Assert.Equal([DeathReason.Rejected, DeathReason.Expired], EmbeddedMq.Death.ReadFrom(message.Headers).Select(death => death.Reason));
    }

    [Fact]
    public void OwnRoutingKey_IsKept_WithCcAndBcc()
    {
        Message message = Message.Text("m", MessageProperties.Empty.WithHeader("CC", new object?[] { "copy", 5 }));

        DeadLetter dead = DeathHistory.Record(message, Death("work", DeathReason.Rejected) with { BccKeys = ["blind"] });

        Assert.Equal("key", dead.RoutingKey);
        Assert.Equal(["blind"], dead.BccKeys);
        Assert.True(dead.Message.Headers.ContainsKey("CC"));
        Assert.Equal(["key", "copy"], EmbeddedMq.Death.ReadFrom(dead.Message.Headers)[0].RoutingKeys);
    }

    [Fact]
    public void DeadLetterRoutingKey_TakesThePlaceOfAllKeys()
    {
        Message message = Message.Text("m", MessageProperties.Empty.WithHeader("CC", new[] { "copy" }));

        DeadLetter dead = DeathHistory.Record(message, Death("work", DeathReason.Rejected) with { BccKeys = ["blind"], DeadLetterRoutingKey = "" });

        Assert.Equal("", dead.RoutingKey);
        Assert.Empty(dead.BccKeys);
        Assert.False(dead.Message.Headers.ContainsKey("CC"));
        Assert.Equal(["key", "copy"], EmbeddedMq.Death.ReadFrom(dead.Message.Headers)[0].RoutingKeys);
    }

    [Fact]
    public void HistoryFromThePublisher_IsTrusted()
    {
        HeaderTable forged = new([new("queue", "work"), new("reason", "rejected"), new("count", 41)]);
        Message message = Message.Text("m", MessageProperties.Empty.WithHeader("x-death", new object?[] { forged }));

        Message dead = DeathHistory.Record(message, Death("work", DeathReason.Rejected)).Message;

        Assert.Equal(42, Assert.Single(EmbeddedMq.Death.ReadFrom(dead.Headers)).Count);
        Assert.False(dead.Headers.ContainsKey("x-first-death-queue"));
    }

    [Fact]
    public void HistoryFromThePublisher_WithADeathInPieces_BecomesOneEntry()
    {
        HeaderTable piece = new([new("queue", "work"), new("reason", "expired")]);
        Message message = Message.Text("m", MessageProperties.Empty.WithHeader("x-death", new object?[] { piece, "no table", piece }));

        Message dead = DeathHistory.Record(message, Death("work", DeathReason.Expired)).Message;

        IReadOnlyList<object?> entries = Entries(dead);
        Assert.Equal(2, entries.Count);
        Assert.Equal(3L, ((HeaderTable)entries[0]!)["count"]);
        Assert.Equal("no table", entries[1]);
    }

    [Theory]
    [InlineData("[{count,1}]")]
    [InlineData(7)]
    [InlineData(null)]
    public void HistoryFromThePublisher_IsNoList_StartsAnew(object? forged)
    {
        Message message = Message.Text("m", MessageProperties.Empty.WithHeader("x-death", forged));

        Message dead = DeathHistory.Record(message, Death("work", DeathReason.Rejected)).Message;

        Assert.Equal(1, Assert.Single(EmbeddedMq.Death.ReadFrom(dead.Headers)).Count);
        Assert.False(dead.Headers.ContainsKey("x-first-death-queue")); // as RabbitMQ: the header was there already
    }

    [Fact]
    public void ForgedCount_AtItsEnd_DoesNotTurnNegative()
    {
        HeaderTable forged = new([new("queue", "work"), new("reason", "rejected"), new("count", long.MaxValue)]);
        Message message = Message.Text("m", MessageProperties.Empty.WithHeader("x-death", new object?[] { forged }));

        Message dead = DeathHistory.Record(message, Death("work", DeathReason.Rejected)).Message;

        Assert.Equal(long.MaxValue, EmbeddedMq.Death.ReadFrom(dead.Headers)[0].Count);
    }

    [Fact]
    public void LongKeys_OfManyDeaths_AreLeftOutOfTheOldestFirst()
    {
        Message message = WithCopies(120);
        for (int i = 0; i < 30; i++)
        {
            message = DeathHistory.Record(message, Death($"q{i}", DeathReason.Expired)).Message;
        }

        IReadOnlyList<Death> deaths = EmbeddedMq.Death.ReadFrom(message.Headers);
        Assert.Equal(Enumerable.Range(0, 30).Reverse().Select(static i => $"q{i}"), deaths.Select(static death => death.Queue));
        Assert.Equal([121, 121, 121, 121, 1], deaths.Take(5).Select(static death => death.RoutingKeys.Count));
        Assert.All(deaths.Skip(4), static death => Assert.Equal(["key"], death.RoutingKeys));
        Assert.True(DeathHistory.IsCycle(message.Headers, "q0", DeathReason.Expired));
    }

    [Fact]
    public void LongKeys_OfOneDeath_AreLeftOut()
    {
        Message dead = DeathHistory.Record(WithCopies(1_000), Death("work", DeathReason.Expired)).Message;

        Assert.Equal(["key"], Assert.Single(EmbeddedMq.Death.ReadFrom(dead.Headers)).RoutingKeys);
    }

    [Fact]
    public void History_OfMoreQueuesThanItHolds_ForgetsTheOldest()
    {
        object?[] earlier = [.. Enumerable.Range(0, 10_000).Select(static i => new HeaderTable([new("queue", $"q{i}"), new("reason", "expired"), new("time", Noon)]))];
        Message message = Message.Text("m", MessageProperties.Empty.WithHeader("x-death", earlier));

        IReadOnlyList<object?> entries = Entries(DeathHistory.Record(message, Death("work", DeathReason.Expired)).Message);

        Assert.Equal("work", ((HeaderTable)entries[0]!)["queue"]);
        Assert.Equal(earlier.Take(entries.Count - 1), entries.Skip(1));
        Assert.InRange(EmbeddedMq.Messages.HeaderSize.OfList(entries), DeathHistory.MostBytes - 100, DeathHistory.MostBytes);
    }

    [Theory]
    [InlineData("a:expired", "a", DeathReason.Expired, true)] // dead-lettered to itself
    [InlineData("b:expired a:expired", "a", DeathReason.Expired, true)] // a to b and back
    [InlineData("b:expired a:maxlen", "a", DeathReason.Expired, true)]
    [InlineData("b:expired a:rejected", "a", DeathReason.Expired, false)] // a consumer rejected it, a retry brings it back
    [InlineData("c:expired b:rejected a:expired", "a", DeathReason.Expired, false)]
    [InlineData("b:expired a:expired c:rejected", "a", DeathReason.Expired, true)] // the rejection came before the circle
    [InlineData("b:expired a:expired", "c", DeathReason.Expired, false)]
    [InlineData("a:rejected", "a", DeathReason.Rejected, false)]
    [InlineData("b:rejected a:expired", "a", DeathReason.Rejected, false)]
    [InlineData("b:expired ? a:expired", "a", DeathReason.Expired, false)] // somebody wrote into the history
    [InlineData("", "a", DeathReason.Expired, false)]
    public void Cycle_IsADeathInTheTargetWithNoRejectionSince(string history, string target, DeathReason reason, bool expected)
    {
        object?[] deaths = [.. history.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Entry)];

        Assert.Equal(expected, DeathHistory.IsCycle(HeaderTable.Of("x-death", deaths), target, reason));

        static object? Entry(string text) => text == "?"
            ? text
            : new HeaderTable([new("queue", text.Split(':')[0]), new("reason", text.Split(':')[1])]);
    }

    [Fact]
    public void Cycle_WithoutHistory_IsNone()
        => Assert.False(DeathHistory.IsCycle(HeaderTable.Empty, "a", DeathReason.Expired));

    private static DeathCause Death(string queue, DeathReason reason) => new(queue, reason, Noon, "orders", "key", [], null);

    // With so many further keys of 1 KiB, about.
    private static Message WithCopies(int count)
        => Message.Text("m", MessageProperties.Empty.WithHeader("CC", Enumerable.Range(0, count).Select(static i => (object?)$"{i:D1000}").ToArray()));

    private static IReadOnlyList<object?> Entries(Message message) => (IReadOnlyList<object?>)message.Headers["x-death"]!;
}
