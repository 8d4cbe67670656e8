using EmbeddedMq.Journal;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>The disk fails at what was moved out of the journal, and the system does not keep what it failed at.</summary>
public sealed class ColdLossTests
{
    private const int Messages = 600;
    private static readonly string Padding = new('x', 2_000);

    [Fact]
    public async Task BlocksThatWentWithAFailedSync_AreInTheJournalAfterARestart()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        await LoseBlocksAsync(broker, files);

        IChannel channel = await broker.RestartAsync(crash: false);

        List<string> found = [];
        while (await channel.GetAsync("slow", autoAck: true) is { } got)
        {
            found.Add(got.Delivery.Message.GetText());
        }

        Assert.Equal(Enumerable.Range(0, 2 * Messages).Select(static i => $"{i} {Padding}"), found);
    }

    [Fact]
    public async Task StoreThatCannotBeShortened_WhilePublishersWaitForThat_IsNotLookedAtAgainAndAgain()
    {
        FaultyFiles files = new(1);
        WatchedJournal? journal = null;
        await using FaultyBroker broker = new(files) { Wrap = opened => journal = new WatchedJournal(opened) };
        await LoseBlocksAsync(broker, files);
        Assert.True(broker.Broker.Store.HasLostBlocks);

        broker.Broker.Store.Limit.IsExceededBy(long.MaxValue); // as publishers say it who come behind the limit
        int before = journal!.LookCount;
        for (int i = 0; i < 10_000; i++)
        {
            await Task.Yield(); // no time passes
        }

        Assert.InRange(journal.LookCount - before, 0, 10);
    }

    private static async Task LoseBlocksAsync(FaultyBroker broker, FaultyFiles files)
    {
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("slow", static q => q.Durable());
        await PublishAsync(channel, 0, Messages);
        await broker.Broker.KeepStoreShortAsync(); // so that there is a segment to write to, whose making is not what fails
        await PublishAsync(channel, Messages, Messages);
        long moved = broker.Broker.Storage!.EvacuatedTotal;

        (files.FailSyncsOf, files.ForgetsWhatFailed) = ("cold", true);
        await broker.Broker.KeepStoreShortAsync();
        Assert.True(files.HasFailed && broker.Broker.Storage.EvacuatedTotal > moved, "Nothing was moved.");
        files.FailSyncsOf = null;
        await Patiently.YieldUntilAsync(
            () => broker.Log.Contains("publishers go on", StringComparison.Ordinal) || broker.Log.Contains("restart the broker", StringComparison.OrdinalIgnoreCase),
            "the broker to go on, or to say why it does not",
            () => broker.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal(JournalState.Open, broker.Broker.Journal.State);
    }

    [Fact]
    public async Task AcknowledgedWhileBlocksAreLost_DoesNotComeBackAfterAStop()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("slow", static q => q.Durable());
        await PublishAsync(channel, 0, Messages);
        await broker.Broker.KeepStoreShortAsync();
        await PublishAsync(channel, Messages, Messages);
        ulong[] tags = new ulong[3];
        for (int i = 0; i < tags.Length; i++)
        {
            tags[i] = (await channel.GetAsync("slow"))!.Delivery.DeliveryTag;
        }

        (files.FailSyncsOf, files.ForgetsWhatFailed) = ("cold", true);
        await broker.Broker.KeepStoreShortAsync();
        files.FailSyncsOf = null;

        // Which it is depends on what had been written when the sync failed.
        await Patiently.YieldUntilAsync(
            () => broker.Log.Contains("publishers go on", StringComparison.Ordinal) || broker.Log.Contains("restart the broker", StringComparison.OrdinalIgnoreCase),
            "the broker to go on, or to say why it does not",
            () => broker.Time.Advance(TimeSpan.FromSeconds(1)));
        await channel.AckAsync(tags[0]);
        await channel.NackAsync(tags[1]);
        await channel.AckAsync(tags[2]);

        channel = await broker.RestartAsync(crash: false);

        List<string> found = [];
        while (await channel.GetAsync("slow", autoAck: true) is { } got)
        {
            found.Add(got.Delivery.Message.GetText());
        }

        Assert.Equal(Enumerable.Range(0, 2 * Messages).Where(static i => i is not (0 or 2)).Select(static i => $"{i} {Padding}"), found);
    }

    private static async Task PublishAsync(IChannel channel, int first, int count)
    {
        foreach (int number in Enumerable.Range(first, count))
        {
            await channel.PublishAsync("", "slow", Message.Text($"{number} {Padding}", MessageProperties.Persistent));
        }
    }
}
