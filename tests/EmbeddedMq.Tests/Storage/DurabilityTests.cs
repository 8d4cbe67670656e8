using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Storage;

/// <summary>What each level of durability waits for, and what it survives, on a disk that forgets what a real one may forget.</summary>
public sealed class DurabilityTests
{
    private const string Directory = "/store";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Durability.Synced, PublishFlags.None, true, true)]
    [InlineData(Durability.OsBuffered, PublishFlags.None, true, false)]
    [InlineData(Durability.Memory, PublishFlags.None, false, false)]
    [InlineData(Durability.Memory, PublishFlags.ConfirmSynced, true, true)]
    [InlineData(Durability.Memory, PublishFlags.ConfirmOsBuffered, true, false)]
    [InlineData(Durability.Synced, PublishFlags.ConfirmOsBuffered, true, false)]
    [InlineData(Durability.Synced, PublishFlags.ConfirmInMemory, false, false)]
    [InlineData(Durability.Memory, PublishFlags.ConfirmInMemory | PublishFlags.ConfirmOsBuffered | PublishFlags.ConfirmSynced, true, true)]
    public async Task Confirm_OfALevel_HasWaitedForItAndForNothingMore(Durability durability, PublishFlags flags, bool isWritten, bool isSynced)
    {
        FaultyFiles files = new(seed: 1);
        await using Broker broker = await StartAsync(files, durability);
        IChannel channel = await DeclareAsync(broker);
        await broker.Journal.Hot.FlushAsync(Durability.Synced, Token); // what the declaration left behind
        long before = broker.Journal.Hot.TailAddress;

        await channel.PublishAsync("", "q", Message.Text("m", MessageProperties.Persistent), flags, Token);

        long end = broker.Journal.Hot.TailAddress;
        Assert.True(end > before);
        Assert.Equal((isWritten, isSynced), (broker.Journal.Hot.WrittenUntil >= end, broker.Journal.Hot.SyncedUntil >= end));
    }

    [Theory]
    [InlineData(Durability.Synced, true)]
    [InlineData(Durability.Synced, false)]
    [InlineData(Durability.OsBuffered, false)]
    public async Task ConfirmedMessage_ProcessKilledOrPowerCut_IsThereAsItsLevelPromises(Durability durability, bool powerCut)
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            FaultyFiles files = new(seed);
            await using Broker killed = await StartAsync(files, durability);
            IChannel channel = await DeclareAsync(killed);
            await channel.PublishAsync("", "q", Message.Text("m", MessageProperties.Persistent), cancellationToken: Token);
            if (powerCut)
            {
                files.CutPower();
            }
            else
            {
                files.KillProcess();
            }

            await using Broker broker = await StartAsync(files, durability);
            await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
            await using IChannel again = await connection.OpenChannelAsync(cancellationToken: Token);
            GetResult? got = await again.GetAsync("q", cancellationToken: Token);
            Assert.True(got?.Delivery.Message.GetText() == "m", $"Seed {seed}: the message is not there.\n{files.Log}");
            Assert.False(got!.Delivery.Redelivered, $"Seed {seed}: nobody has received from the queue before.");
        }
    }

    [Fact]
    public async Task Storage_OpenAndClosed_SaysWhatItIs()
    {
        FaultyFiles files = new(seed: 1);
        Broker broker = await StartAsync(files, Durability.OsBuffered);
        await using (broker)
        {
            IChannel channel = await DeclareAsync(broker);
            await channel.PublishAsync("", "q", Message.Text("m", MessageProperties.Persistent), cancellationToken: Token);

            StorageDescription storage = broker.Storage!;

            Assert.Equal((Path.GetFullPath(Directory), StorageState.Open, null), (storage.Directory, storage.State, storage.Reason));
            Assert.Equal(Durability.OsBuffered, storage.Durability);
            Assert.Equal((1L, 1, 0, 1.0), (storage.JournalMessages, storage.JournalSegments, storage.BacklogSegments, storage.BacklogLiveShare));
            Assert.InRange(storage.JournalBytes, 1, 32 << 10);
            Assert.NotNull(storage.LastCheckpoint);
        }

        Assert.Equal(StorageState.Closed, broker.Storage!.State);
    }

    [Fact]
    public async Task Storage_DiskFails_SaysWhyUntilItIsMended()
    {
        FaultyFiles files = new(seed: 1);
        FakeTimeProvider time = new();
        await using Broker broker = await StartAsync(files, Durability.Synced, time);
        IChannel channel = await DeclareAsync(broker);

        files.FailForEver = true;
        files.FailIn(1);
        PublishResult refused = await channel.TryPublishAsync("", "q", Message.Text("m", MessageProperties.Persistent), cancellationToken: Token);
        StorageDescription failed = broker.Storage!;
        Task<PublishResult> waiting = channel.TryPublishAsync("", "q", Message.Text("n", MessageProperties.Persistent), cancellationToken: Token).AsTask();
        bool hadToWait = !waiting.IsCompleted;
        (files.FailForEver, files.FailAt) = (false, 0);
        await Patiently.YieldUntilAsync(() => waiting.IsCompleted, "the end of the wait", () => time.Advance(TimeSpan.FromSeconds(1)));

        Assert.Equal((PublishOutcome.Rejected, RejectReason.StorageFailed), (refused.Outcome, refused.RejectReason));
        Assert.Equal(StorageState.Failed, failed.State);
        Assert.Contains("Input/output error", failed.Reason, StringComparison.Ordinal);
        Assert.True(hadToWait);
        Assert.Equal(PublishOutcome.Confirmed, (await waiting).Outcome);
        Assert.Equal((StorageState.Open, null), (broker.Storage!.State, broker.Storage.Reason));
    }

    private static async Task<IChannel> DeclareAsync(Broker broker)
    {
        IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await channel.DeclareQueueAsync("q", static queue => queue.Durable(), Token);
        await broker.Journal.Hot.FlushAsync(Durability.Synced, Token); // a level that keeps less keeps the queue no better than the message
        return channel;
    }

    private static ValueTask<Broker> StartAsync(FaultyFiles files, Durability durability, TimeProvider? time = null)
    {
        BrokerOptions options = new() { DataDirectory = Directory, TimeProvider = time ?? new FakeTimeProvider() };
        options.Storage.Durability = durability;
        options.Storage.OpenJournal = async (_, clock, _) => await FasterJournal.OpenAsync(SmallStore.Options(Directory), files, clock);
        return Broker.StartAsync(options, Token);
    }
}
