using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Storage;

/// <summary>How long publishers wait while the store evacuates, compacts and writes checkpoints, and while it does none of that beside the same load.</summary>
/// <remarks>The load: one queue is filled with messages of 4 KB until most of them have left the journal; then all but one in twelve are acknowledged, and it is
/// filled again. What is measured is another publisher.</remarks>
internal static class Maintenance
{
    private const string Thin = "thin";
    private const string Measured = "measured";
    private const int ThinBytes = 4_096;
    private const int ThinMessages = 40_000;
    private const int MeasuredBytes = 1_024;
    private const int MeasuredWindow = 16;

    internal static async Task RunAsync(string directory, TimeSpan duration, Report report)
    {
        await RunAsync(Path.Combine(directory, "quiet"), duration, 16L << 30, "nothing else", report);
        await RunAsync(Path.Combine(directory, "busy"), duration, 256L << 20, "evacuation, compaction and checkpoints", report);
    }

    private static async Task RunAsync(string directory, TimeSpan duration, long journalBytes, string beside, Report report)
    {
        BrokerOptions options = new() { DataDirectory = directory };
        options.Storage.JournalBytes = journalBytes;
        LatencyHistogram latencies = new();
        Outcome outcome;
        StorageDescription storage;
        double blocked;
        await using (Broker broker = await Broker.StartAsync(options))
        {
            await using IConnection connection = await broker.ConnectAsync();
            IChannel publisher = await connection.OpenChannelAsync();
            await publisher.DeclareQueueAsync(Thin, static queue => queue.Durable());
            await publisher.DeclareQueueAsync(Measured, static queue => queue.Durable());
            using CancellationTokenSource ending = new();
            Task load = Task.Run(() => ThinOutAsync(connection, ending.Token), CancellationToken.None);
            await using IConsumer consumer = await (await connection.OpenChannelAsync()).StartConsumerAsync(Measured, new ConsumerOptions { AutoAck = true });
            _ = new ConsumingLoop(publisher, consumer, acknowledges: false);
            WindowedPublisher measured = new(publisher, Measured, DurableBroker.NewMessage(MeasuredBytes), MeasuredWindow);
            await measured.PublishAsync(duration / 4, new LatencyHistogram()); // to warm up, and until there is something to move
            StorageDescription before = broker.Storage!;
            Task<double> blocking = BlockedShareAsync(broker, ending.Token);
            outcome = await measured.PublishAsync(duration, latencies);
            storage = broker.Storage!;
            storage = storage with
            {
                CheckpointsTotal = storage.CheckpointsTotal - before.CheckpointsTotal,
                EvacuatedTotal = storage.EvacuatedTotal - before.EvacuatedTotal,
                CompactedTotal = storage.CompactedTotal - before.CompactedTotal,
            };
            await ending.CancelAsync();
            await load;
            blocked = await blocking;
        }

        Directory.Delete(directory, recursive: true);
        report.Add(
            string.Create(CultureInfo.InvariantCulture, $"publish Synced, 1 KB, {MeasuredWindow} outstanding, beside a queue that is filled and thinned out and {beside}"),
            string.Create(CultureInfo.InvariantCulture, $"{outcome.PerSecond / 1e3:N1} k/s; {storage.CheckpointsTotal} checkpoints, {storage.EvacuatedTotal:N0} evacuated, {storage.CompactedTotal:N0} compacted; the journal was too long {blocked:P0} of the time"),
            latencies: string.Create(CultureInfo.InvariantCulture, $"{latencies}; longest {latencies.Microseconds(1):N0}"));
    }

    // The share of the time in which publishers have to wait until the journal is shorter: that is a policy, and no matter of speed.
    private static async Task<double> BlockedShareAsync(Broker broker, CancellationToken ending)
    {
        int looks = 0;
        int blocked = 0;
        while (!ending.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, CancellationToken.None);
            looks++;
            blocked += broker.Storage!.IsJournalTooLong ? 1 : 0;
        }

        return (double)blocked / looks;
    }

    private static async Task ThinOutAsync(IConnection connection, CancellationToken ending)
    {
        try
        {
            IChannel publisher = await connection.OpenChannelAsync(cancellationToken: ending);
            IChannel channel = await connection.OpenChannelAsync(cancellationToken: ending);
            WindowedPublisher publishing = new(publisher, Thin, DurableBroker.NewMessage(ThinBytes), 256);
            while (!ending.IsCancellationRequested)
            {
                await publishing.PublishAsync(ThinMessages);
                for (int i = 0; i < ThinMessages && await channel.GetAsync(Thin, cancellationToken: ending) is { } got; i++)
                {
                    if (i % 12 != 0) // the others are held until the end
                    {
                        await channel.AckAsync(got.Delivery.DeliveryTag, cancellationToken: ending);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The measurement has ended.
        }
    }
}
