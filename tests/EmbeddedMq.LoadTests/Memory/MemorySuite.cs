using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Memory;

/// <summary>Transient messages against System.Threading.Channels.</summary>
internal static class MemorySuite
{
    private const int Prefetch = 1_024;
    private const int Queues = 4;

    internal static async Task RunAsync(Arguments arguments, Report report)
    {
        await using MemoryBroker broker = await MemoryBroker.StartAsync();

        // Counts, not times: what is measured ends when the last message has arrived.
        long count = (long)(1_000_000 * arguments.Duration.TotalSeconds);
        await report.RunAsync(Measurements(broker, count));
    }

    // Each of ours stands right behind what it is compared with.
    private static List<Measurement> Measurements(MemoryBroker broker, long count)
    {
        Measurement bare = new("bare Channel, 1 writer, 1 reader", _ => Plain.RunAsync(1, 1, count, acknowledges: false));
        Measurement auto = new("S1a publish, consume, auto-ack", _ => broker.RunAsync(1, 1, count, acknowledges: false, prefetch: 0));
        Measurement acked = new("Channel + minimal acknowledgements, 1 writer, 1 reader", _ => Plain.RunAsync(1, 1, count, acknowledges: true));
        Measurement one = new("S1 publish, consume, ack; prefetch 1,024", _ => broker.RunAsync(1, 1, count, acknowledges: true, Prefetch));
        Measurement unlimited = new("S1 publish, consume, ack; no prefetch limit", _ => broker.RunAsync(1, 1, count, acknowledges: true, prefetch: 0));
        Measurement four = new("four bare Channels", _ => Plain.FanOutAsync(Queues, count / Queues));
        Measurement fan = new("S2 fan-out to 4, auto-ack", _ => broker.FanOutAsync(Queues, count / Queues));
        Measurement ackedTwo = new("Channel + minimal acknowledgements, 2 writers, 2 readers", _ => Plain.RunAsync(2, 2, count, acknowledges: true));
        Measurement two = new("S3 2 publishers, 2 consumers, ack; prefetch 1,024", _ => broker.RunAsync(2, 2, count, acknowledges: true, Prefetch));
        Measurement reply = new("bare Channels, request and reply", latencies => Plain.RequestAndReplyAsync(count / 20, latencies));
        Measurement request = new("S4 request and reply", latencies => broker.RequestAndReplyAsync(count / 20, latencies));
        return
        [
            bare,
            auto.ComparedWith("of a bare Channel", bare),
            acked,
            one.ComparedWith("of Channel + acknowledgements", acked),
            unlimited.ComparedWith("of Channel + acknowledgements", acked),
            four,
            fan.ComparedWith("of four Channels", four),
            ackedTwo,
            two.ComparedWith("of Channel + acknowledgements", ackedTwo),
            reply,
            request.ComparedWith("of two bare Channels", reply),
        ];
    }
}
