using EmbeddedMq.Exchanges;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport.Journal;
using EmbeddedMq.VirtualHosts;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddedMq.Tests.VirtualHosts;

/// <summary>What the journal is told of a message that is held.</summary>
public sealed class DelayedMessageTests
{
    private const long DelayMs = 60_000;

    /// <summary>It has none before it is scheduled, nor between being taken as due and being routed; whoever stores it again may come then.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StoredOnceMore_HasNoAppointment_IsDueAfterARestartWhenItIsDueNow(bool isMoved)
    {
        FasterJournal journal = await SmallStore.OpenAsync(new FaultyFiles(1), "/store");
        ReceiptRetention retention = new(TimeSpan.FromHours(1), 100);
        await using MessageStore store = new(
            journal, Durability.Synced, TimeProvider.System, NullLogger.Instance, retention, new MemoryReceiptIndex(retention.Count, retention.Time, TimeProvider.System));
        ExchangeDeclaration declaration = new("later", ExchangeType.Delayed)
        {
            IsDurable = true,
            Arguments = HeaderTable.Of("x-delayed-type", ExchangeType.Fanout),
        };
        DelayedExchange exchange = (DelayedExchange)ExchangeFactory.Create("/", declaration);
        exchange.Stored = store.TryAddQueue()!;
        Message message = Message.Text("m", MessageProperties.Persistent);
        ulong storedAt = isMoved ? store.Append("later", "", message, [new QueueRef(exchange.Stored.Id, DelayMs)]) : 0;
        DelayedMessage delayed = new(exchange, "later", "", message, storedAt, DelayMs, null!);

        if (isMoved)
        {
            delayed.Move(store, ulong.MaxValue, nowMs: 0);
        }
        else
        {
            delayed.StoreAgain(store, nowMs: 0);
        }

        Assert.NotEqual(storedAt, delayed.Entry.StoredAt);
        await journal.Hot.FlushAsync(Durability.Synced, TestContext.Current.CancellationToken);
        ReadMessage read = new StoredMessageReader(journal).Read(new StoredId(delayed.Entry.StoredAt), exchange.Stored.Id);
        Assert.Equal(read.PublishedUtcMs + DelayMs, read.ExpiresUtcMs);
    }
}
