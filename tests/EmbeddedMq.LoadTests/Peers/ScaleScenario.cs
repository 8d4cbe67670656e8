using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S9: what the number of queues, bindings, connections and waiting messages costs.</summary>
internal static class ScaleScenario
{
    private const string Filled = "filled";
    private const string Empty = "empty";

    internal static async Task RunAsync(ScenarioContext context)
    {
        if (context.Wants("S9"))
        {
            await MeasureQueuesAsync(context);
            await MeasureBindingsAsync(context);
            await MeasureWaitingAsync(context);
            await MeasureConnectionsAsync(context);
        }
    }

    private static async Task MeasureQueuesAsync(ScenarioContext context)
    {
        const int Many = 100_000;
        await using EmbeddedQueues one = await EmbeddedQueues.StartAsync();
        await using EmbeddedQueues thousand = await EmbeddedQueues.StartAsync(1_000);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long start = Stopwatch.GetTimestamp();
        await using EmbeddedQueues many = await EmbeddedQueues.StartAsync(Many);
        double perSecond = Many / Stopwatch.GetElapsedTime(start).TotalSeconds;
        double bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / Many;
        context.Report.Add("S9 · 100,000 queues, one message each: declare and publish", Series.Format(perSecond) + " /s");
        context.Report.Add("S9 · 100,000 queues, one message each: memory", string.Create(CultureInfo.InvariantCulture, $"{bytes:N0} bytes a queue"));
        context.Targets.AtMost("S9, memory of a queue with one message", 1_024, new Series([bytes]), " bytes");

        Measurement alone = context.Sized("S9 · publish, consume, ack with 1 queue", (count, latencies) => one.SendAsync(1, count, latencies));
        Measurement amongThousand = context.Sized("S9 · publish, consume, ack among 1,000 queues", (count, latencies) => thousand.SendAsync(1, count, latencies));
        Measurement amongMany = context.Sized("S9 · publish, consume, ack among 100,000 queues", (count, latencies) => many.SendAsync(1, count, latencies));
        await context.Report.RunAsync([alone, amongThousand.ComparedWith("of 1 queue", alone), amongMany.ComparedWith("of 1 queue", alone)]);
        context.Targets.AtLeast("S9, S1 among 100,000 queues, of S1 alone", 0.8, amongMany.RatiosTo(alone));
    }

    private static async Task MeasureBindingsAsync(ScenarioContext context)
    {
        int[] counts = context.Arguments.IsQuick ? [1, 10, 1_000, 100_000] : [1, 10, 1_000, 1_000_000];
        await using EmbeddedQueues broker = await EmbeddedQueues.StartAsync();
        foreach (string type in new[] { ExchangeType.Direct, ExchangeType.Topic })
        {
            List<Measurement> all = [];
            foreach (int count in counts)
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"{type}-{count}");
                string[] keys = [.. Enumerable.Range(0, count).Select(static number => string.Create(CultureInfo.InvariantCulture, $"shop.{number}.placed"))];

                // Of the patterns, half have a wildcard.
                IEnumerable<string> patterns = type == ExchangeType.Topic
                    ? keys.Select(static (key, number) => number % 2 == 0 ? key : key[..key.LastIndexOf('.')] + ".*")
                    : keys;
                long before = GC.GetTotalMemory(forceFullCollection: true);
                long start = Stopwatch.GetTimestamp();
                await broker.BindAsync(name, type, patterns);
                TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
                if (count == counts[^1])
                {
                    double bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / count;
                    context.Report.Add(
                        string.Create(CultureInfo.InvariantCulture, $"S9 · {type}, {count:N0} bindings: bind"),
                        string.Create(CultureInfo.InvariantCulture, $"{Series.Format(count / elapsed.TotalSeconds)} /s, {bytes:N0} bytes a binding"));
                }

                // Warm: ten keys, one after the other. Cold: each key of many; the remembered routes do not help.
                all.Add(Route(string.Create(CultureInfo.InvariantCulture, $"S9 · {type}, {count:N0} bindings, warm keys"), name, keys[^Math.Min(10, count)..]));
                if (count == counts[^1])
                {
                    all.Add(Route(string.Create(CultureInfo.InvariantCulture, $"S9 · {type}, {count:N0} bindings, cold keys"), name, keys));
                }
            }

            await context.Report.RunAsync(all);
            context.Targets.AtLeast(
                string.Create(CultureInfo.InvariantCulture, $"S9, {type}, {counts[^1]:N0} bindings with warm keys, of 10"), 0.5, all[3].RatiosTo(all[1]));
        }

        Measurement Route(string name, string exchange, string[] keys)
        {
            int next = 0;
            return context.Sized(name, (count, latencies) => broker.RouteAsync(exchange, () => keys[next = (next + 1) % keys.Length], count, latencies));
        }
    }

    private static async Task MeasureWaitingAsync(ScenarioContext context)
    {
        int waiting = context.Arguments.IsQuick ? 1_000_000 : 10_000_000;
        await using EmbeddedQueues broker = await EmbeddedQueues.StartAsync();
        await broker.Channel.DeclareQueueAsync(Empty);
        await broker.Channel.DeclareQueueAsync(Filled);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        await broker.FillAsync(Filled, waiting, new LatencyHistogram());
        double bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / waiting;
        context.Report.Add(
            string.Create(CultureInfo.InvariantCulture, $"S9 · {waiting:N0} waiting messages: memory"),
            string.Create(CultureInfo.InvariantCulture, $"{bytes:N0} bytes a message beside the message"));

        // As many as a tenth of what waits, so that the full one stays what it is.
        long count = waiting / 10;
        Measurement toEmpty = new("S9 · publish to an empty queue", async latencies =>
        {
            Outcome outcome = await broker.FillAsync(Empty, count, latencies);
            await broker.Channel.PurgeQueueAsync(Empty);
            return outcome;
        });
        Measurement toFilled = new(
            string.Create(CultureInfo.InvariantCulture, $"S9 · publish to a queue with {waiting:N0} waiting"), latencies => broker.FillAsync(Filled, count, latencies));
        await context.Report.RunAsync([toEmpty, toFilled.ComparedWith("of an empty one", toEmpty)]);
        context.Targets.AtLeast(string.Create(CultureInfo.InvariantCulture, $"S9, publish to a queue with {waiting:N0} waiting, of an empty one"), 0.8, toFilled.RatiosTo(toEmpty));
    }

    private static async Task MeasureConnectionsAsync(ScenarioContext context)
    {
        const int Count = 10_000;
        await using Broker broker = await Broker.StartAsync();
        List<IConnection> connections = new(Count);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Count; i++)
        {
            IConnection connection = await broker.ConnectAsync();
            connections.Add(connection);
            await connection.OpenChannelAsync();
        }

        double perSecond = Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
        double bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / Count;
        context.Report.Add(
            "S9 · 10,000 connections with a channel each",
            string.Create(CultureInfo.InvariantCulture, $"opened at {Series.Format(perSecond)} /s, {bytes:N0} bytes each"));
        foreach (IConnection connection in connections)
        {
            await connection.DisposeAsync();
        }
    }
}
