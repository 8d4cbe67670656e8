using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Memory;
using EmbeddedMq.LoadTests.Peers.Buses;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S1 to S4: transient messages of 100 bytes.</summary>
/// <remarks>Bodies of Channels are references; a bus carries the 100 bytes in a message of its own.</remarks>
internal static class InMemoryScenarios
{
    private const int Prefetch = 1_024;
    private const int Queues = 4;

    internal static async Task RunAsync(ScenarioContext context)
    {
        if (!context.Wants("S1", "S1a", "S2", "S3", "S4"))
        {
            return;
        }

        await using LazyPeer<MemoryBroker> ours = new(MemoryBroker.StartAsync);
        await using LazyPeer<EmbeddedQueues> timedOurs = new(static () => EmbeddedQueues.StartAsync());
        await using LazyPeer<WolverineBus> wolverine = new(WolverineBus.StartAsync);
        await using LazyPeer<RebusBus> rebus = new(RebusBus.StartAsync);
        await using LazyPeer<MassTransitBus> massTransit = new(MassTransitBus.StartAsync);
        await using LazyPeer<RabbitPeer> rabbit = new(() => RabbitPeer.StartAsync(context.Rabbit!));

        Measurement bare = context.Sized("S1a · bare Channel", (count, _) => Plain.RunAsync(1, 1, count, acknowledges: false));
        Measurement auto = context.Sized("S1a · EmbeddedMq", async (count, _) => await (await ours.GetAsync()).RunAsync(1, 1, count, acknowledges: false, prefetch: 0));
        Measurement[] one = Queue("S1", 1);
        Measurement four = context.Sized("S2 · four bare Channels", (count, _) => Plain.FanOutAsync(Queues, count));
        Measurement fan = context.Sized("S2 · EmbeddedMq", async (count, _) => await (await ours.GetAsync()).FanOutAsync(Queues, count));
        Measurement[] two = Queue("S3", 2);
        Measurement asked = context.Sized("S4 · two bare Channels", Plain.RequestAndReplyAsync);
        Measurement ask = context.Sized("S4 · EmbeddedMq", async (count, latencies) => await (await ours.GetAsync()).RequestAndReplyAsync(count, latencies));

        auto.ComparedWith("of a bare Channel", bare);
        fan.ComparedWith("of four Channels", four);
        Measurement[] broadcasts = [four, fan, .. Buses("S2", static (bus, count, latencies) => bus.BroadcastAsync(count, latencies))];
        Measurement[] questions = [asked, ask, .. Buses("S4", static (bus, count, latencies) => bus.AskAsync(count, latencies))];
        List<Measurement> autos = [bare, auto];
        List<Measurement> ones = [.. one];
        List<Measurement> fans = [.. broadcasts];
        List<Measurement> twos = [.. two];
        List<Measurement> asks = [.. questions];
        if (context.RabbitAbsence is { } absence)
        {
            context.Skip("S1 to S4 · RabbitMQ", absence);
        }
        else
        {
            autos.Add(Rabbit("S1a", static (peer, count, latencies) => peer.SendAsync(1, 1, count, acknowledges: false, latencies)));
            ones.Add(Rabbit("S1", static (peer, count, latencies) => peer.SendAsync(1, 1, count, acknowledges: true, latencies)));
            fans.Add(Rabbit("S2", static (peer, count, latencies) => peer.BroadcastAsync(count, latencies)));
            twos.Add(Rabbit("S3", static (peer, count, latencies) => peer.SendAsync(2, 2, count, acknowledges: true, latencies)));
            asks.Add(Rabbit("S4", static (peer, count, latencies) => peer.AskAsync(count, latencies)));
        }

        await context.Report.RunAsync([.. autos, .. ones, .. fans, .. twos, .. asks]);
        context.Chart.Add("S1: publish, queue, consume, acknowledge", ones.Except([one[2]]));
        context.Chart.Add("S2: fan-out to four queues (publishes)", fans);
        context.Chart.Add("S3: two publishers, two consumers", twos.Except([two[2]]));
        context.Chart.Add("S4: request and reply, one at a time", asks);

        Targets targets = context.Targets;
        targets.AtLeast("S1a, of a bare Channel", 0.6, auto.RatiosTo(bare));
        Compare("S1", one);
        targets.AtLeast("S2, of four bare Channels", 0.8, fan.RatiosTo(four));
        Compare("S3", two);
        if (!ask.Rates.IsEmpty && !asked.Rates.IsEmpty)
        {
            targets.AtMost("S4, p50 in p50 of two bare Channels", 3, new Series([ask.Latencies.Microseconds(0.5) / asked.Latencies.Microseconds(0.5)]));
        }

        return;

        Measurement[] Queue(string scenario, int width)
        {
            Measurement plain = context.Sized($"{scenario} · Channel + minimal acknowledgements", (count, _) => Plain.RunAsync(width, width, count, acknowledges: true));
            Measurement embedded = context.Sized(
                $"{scenario} · EmbeddedMq", async (count, _) => await (await ours.GetAsync()).RunAsync(width, width, count, acknowledges: true, Prefetch));
            Measurement timed = context.Sized(
                $"{scenario} · EmbeddedMq, every 16th publish timed", async (count, latencies) => await (await timedOurs.GetAsync()).SendAsync(width, count, latencies));
            return [plain, embedded.ComparedWith("of Channel + acknowledgements", plain), timed, .. Buses(scenario, (bus, count, latencies) => bus.SendAsync(width, count, latencies))];
        }

        Measurement[] Buses(string scenario, Func<Bus, long, LatencyHistogram, Task<Outcome>> run) =>
        [
            context.Sized($"{scenario} · Wolverine", async (count, latencies) => await run(await wolverine.GetAsync(), count, latencies)),
            context.Sized($"{scenario} · Rebus", async (count, latencies) => await run(await rebus.GetAsync(), count, latencies)),
            context.Sized($"{scenario} · MassTransit", async (count, latencies) => await run(await massTransit.GetAsync(), count, latencies)),
        ];

        Measurement Rabbit(string scenario, Func<RabbitPeer, long, LatencyHistogram, Task<Outcome>> run)
            => context.Sized($"{scenario} · RabbitMQ", async (count, latencies) => await run(await rabbit.GetAsync(), count, latencies));

        void Compare(string scenario, Measurement[] all)
        {
            targets.AtLeast($"{scenario}, of Channel + minimal acknowledgements", 0.9, all[1].RatiosTo(all[0]));
            if (all[3..].Where(static bus => !bus.Rates.IsEmpty).MaxBy(static bus => bus.Rates.Median) is { } best)
            {
                targets.AtLeast($"{scenario}, in {best.Name}, the best bus", 12, all[1].RatiosTo(best));
            }
        }
    }
}
