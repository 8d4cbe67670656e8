using System.Globalization;
using System.Text.RegularExpressions;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Messages that moved out of the journal, in a store whose checkpoints are damaged: nothing tells of their blocks but the blocks themselves.</summary>
public sealed partial class SalvagedBlocksTests
{
    private const int Messages = 90;

    [Fact]
    public async Task Blocks_ThatNoRecordNames_AreListed()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        for (int i = 0; i < Messages; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i} {new string('x', 15_000)}", MessageProperties.Persistent));
        }

        await broker.Broker.KeepStoreShortAsync();
        Assert.InRange(broker.Broker.Storage!.EvacuatedTotal, 1, Messages - 1);
        await broker.DisposeAsync();
        await DamageCheckpointsAsync(files);

        broker.Salvage = true;
        channel = await broker.StartAsync();

        QueueDescription queue = Assert.Single(await broker.Broker.Management.ListQueuesAsync("/", TestContext.Current.CancellationToken));
        Match listed = Listed().Match(broker.Log);
        Assert.True(listed.Success, broker.Log);
        Assert.Equal(Messages, queue.ReadyCount + long.Parse(listed.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex("left out: ([0-9]+) messages of queue '[^']+', which may have been consumed")]
    private static partial Regex Listed();

    private static async Task DamageCheckpointsAsync(FaultyFiles files)
    {
        List<long> addresses = [];
        JournalOptions options = FaultyBroker.JournalOptionsOf("/store");
        await using (FasterJournal journal = await FasterJournal.OpenAsync(options, files.Copy(2), TimeProvider.System))
        {
            using IRecordReader reader = journal.Hot.ReadForward(journal.Hot.BeginAddress, journal.Recovery.HotEnd);
            while (reader.TryRead(out RecordView record))
            {
                if ((RecordKind)record.Kind is RecordKind.Checkpoint or RecordKind.CheckpointEnd)
                {
                    addresses.Add(record.Address);
                }
            }
        }

        Assert.NotEmpty(addresses);
        foreach (long address in addresses)
        {
            string path = Assert.Single(files.Names, name => name.EndsWith($"{address / options.Hot.SegmentBytes:x10}.seg", StringComparison.Ordinal) && name.Contains("/hot-", StringComparison.Ordinal));
            files.Poke(path, bytes =>
            {
                bytes[(address % options.Hot.SegmentBytes) + RecordFormat.OverheadBytes] ^= 1;
                return bytes;
            });
        }
    }
}
