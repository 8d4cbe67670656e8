using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Tests.Queues;
using EmbeddedMq.TestSupport.Journal;
using EmbeddedMq.Threading;
using EmbeddedMq.VirtualHosts;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddedMq.Tests.VirtualHosts.Backlog;

/// <summary>What may be put away, and what must wait in memory.</summary>
public sealed class StoredBacklogTests
{
    /// <summary>The store's mending stores in order: what was appended beside it would come before what was there earlier.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TryPutAway_StoreIsBeingMended_LeavesWhatIsToBeStoredToThat(bool isPersistent)
    {
        FasterJournal journal = await SmallStore.OpenAsync(new FaultyFiles(1), "/store");
        ReceiptRetention retention = new(TimeSpan.FromHours(1), 100);
        await using MessageStore store = new(
            journal, Durability.Synced, TimeProvider.System, NullLogger.Instance, retention, new MemoryReceiptIndex(retention.Count, retention.Time, TimeProvider.System));
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q") { IsDurable = true }, store.TryAddQueue());
        QueueEntry entry = new(Message.Text("m", isPersistent ? MessageProperties.Persistent : MessageProperties.Empty), "", "q", queue);
        StoredBacklog backlog = new(store, new BrokerClock(TimeProvider.System));
        store.BeginMending();

        backlog.TryPutAway(entry, out _);

        Assert.Equal(isPersistent, entry.StoredAt == 0);
        store.EndMending();
        store.WriteNotesAgain();
        backlog.TryPutAway(entry, out _);
        Assert.NotEqual(0ul, entry.StoredAt);
    }
}
