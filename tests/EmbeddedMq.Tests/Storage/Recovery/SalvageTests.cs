using System.Text;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Recovery;

public sealed class SalvageTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DelayedExchange_WhoseDeclarationIsDamaged_LeavesItsMessagesForGood()
    {
        bool salvages = false;
        await using StoredBroker stored = await StoredBroker.StartAsync(options => options.Storage.Salvage = salvages);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareExchangeAsync(
            "forgotten", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout), Token);
        await channel.DeclareExchangeAsync("entry", ExchangeType.Fanout, static e => e.Durable(), Token); // so that the message does not name it
        await channel.BindExchangeAsync("forgotten", "entry", "", cancellationToken: Token);
        await channel.PublishAsync("entry", "", Message.Text("m", MessageProperties.Persistent.WithHeader("x-delay", 60_000)), cancellationToken: Token);
        await stored.StopAsync();
        Damage(stored.Directory, "forgotten");

        salvages = true;
        await stored.StartAgainAsync();
        QueueDescription salvaged = Assert.Single(await stored.Broker.Management.ListQueuesAsync("/", Token));
        Assert.StartsWith("salvaged-", salvaged.Name, StringComparison.Ordinal);
        stored.Time.Advance(TimeSpan.FromHours(1));
        salvages = false;
        await stored.RestartAsync();
        stored.Time.Advance(TimeSpan.FromHours(1));

        channel = await stored.OpenChannelAsync();
        Assert.Equal("m", (await channel.GetAsync(salvaged.Name, cancellationToken: Token))?.Delivery.Message.GetText());
    }

    [Fact]
    public async Task Transaction_WhoseEndIsDamaged_IsListed()
    {
        RecordingLog log = new();
        bool salvages = false;
        await using StoredBroker stored = await StoredBroker.StartAsync(options => (options.Storage.Salvage, options.LoggerFactory) = (salvages, log));
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("from", static queue => queue.Durable(), Token);
        await channel.DeclareQueueAsync("to", static queue => queue.Durable(), Token);
        await channel.PublishAsync("", "from", Message.Text("taken", MessageProperties.Persistent), cancellationToken: Token);
        IChannel transaction = await stored.OpenChannelAsync(ChannelMode.Transactional);
        GetResult? got = await transaction.GetAsync("from", cancellationToken: Token);
        await transaction.AckAsync(got!.Delivery.DeliveryTag, cancellationToken: Token);
        await transaction.PublishAsync("", "to", Message.Text("1", MessageProperties.Persistent), cancellationToken: Token);
        await transaction.PublishAsync("", "to", Message.Text("2", MessageProperties.Persistent), cancellationToken: Token);
        await transaction.CommitTransactionAsync(Token);
        await channel.PublishAsync("", "to", Message.Text("3", MessageProperties.Persistent), cancellationToken: Token);
        await stored.StopAsync();
        await DamageAsync(stored.Directory, RecordKind.TransactionEnd);

        salvages = true;
        await stored.StartAgainAsync();

        Assert.Equal(1L, (await stored.Broker.Management.ListQueuesAsync("/", Token)).Single(static queue => queue.Name == "to").ReadyCount);
        Assert.Contains(
            log.WithId(LogEvents.StorageDamage),
            static entry => entry.Text.EndsWith(": 1 acknowledgements, 2 messages of queue 'to'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Message_OfWhoseBodyAPieceIsDamaged_IsListed_UnlessItWasSettled()
    {
        RecordingLog log = new();
        bool salvages = false;
        await using StoredBroker stored = await StoredBroker.StartAsync(options => (options.Storage.Salvage, options.LoggerFactory) = (salvages, log));
        IChannel channel = await stored.OpenChannelAsync();
        foreach (string queue in new[] { "settled", "kept" })
        {
            await channel.DeclareQueueAsync(queue, static queue => queue.Durable(), Token);
            await channel.PublishAsync("", queue, new Message(new byte[3 << 20], MessageProperties.Persistent), cancellationToken: Token);
        }

        await channel.GetAsync("settled", autoAck: true, Token);
        await channel.PublishAsync("", "kept", Message.Text("short", MessageProperties.Persistent), cancellationToken: Token);
        await stored.StopAsync();
        await DamageAsync(stored.Directory, RecordKind.BodyChunk);

        salvages = true;
        await stored.StartAgainAsync();

        Assert.Equal([1L, 0L], (await stored.Broker.Management.ListQueuesAsync("/", Token)).OrderBy(static queue => queue.Name).Select(static queue => queue.ReadyCount));
        string[] lines = [.. log.WithId(LogEvents.StorageDamage).Select(static entry => entry.Text)];
        Assert.Contains(lines, static line => line.Contains("1 messages of queue 'kept'", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, static line => line.Contains("of queue 'settled'", StringComparison.Ordinal));
    }

    // All records of a kind.
    private static async Task DamageAsync(string directory, RecordKind kind)
    {
        List<long> addresses = [];
        JournalOptions options = new() { Directory = directory, BallastBytes = 0, FreeSpaceWatermarkBytes = 0 };
        await using (IJournal journal = await FasterJournal.OpenAsync(options, new OsFiles(), TimeProvider.System))
        {
            using IRecordReader reader = journal.Hot.ReadForward(journal.Hot.BeginAddress, journal.Recovery.HotEnd);
            while (reader.TryRead(out RecordView record))
            {
                if (record.Kind == (byte)kind)
                {
                    addresses.Add(record.Address);
                }
            }
        }

        Assert.NotEmpty(addresses);
        foreach (long address in addresses)
        {
            string path = Assert.Single(Directory.GetFiles(directory, $"hot-*-{address / options.Hot.SegmentBytes:x10}.seg"));
            using FileStream file = new(path, FileMode.Open);
            file.Position = (address % options.Hot.SegmentBytes) + RecordFormat.OverheadBytes;
            int value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)~value);
        }
    }

    private static void Damage(string directory, string text)
    {
        int found = 0;
        foreach (string path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            byte[] bytes = File.ReadAllBytes(path);
            for (int at = 0; bytes.AsSpan(at).IndexOf(Encoding.UTF8.GetBytes(text)) is var next and >= 0; at += next + 1, found++)
            {
                bytes[at + next] ^= 1;
            }

            File.WriteAllBytes(path, bytes);
        }

        Assert.True(found > 0, $"'{text}' is in no file.");
    }
}
