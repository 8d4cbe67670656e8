using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Storage;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S5 and S6: persistent messages of 100 bytes, with confirms.</summary>
/// <remarks>A confirm means: synced to the disk. Except with RabbitMQ, whose classic queues hand the bytes to the operating system before they confirm.</remarks>
internal static class DurableScenarios
{
    private const int BodyBytes = 100;
    private const int EndToEndWindow = 256;

    private static readonly int[] Windows = [1, 16, 256];

    internal static async Task RunAsync(ScenarioContext context)
    {
        if (!context.Wants("S5", "S6"))
        {
            return;
        }

        string directory = context.Arguments.Directory;
        TimeSpan duration = context.Arguments.Duration;
        await using LazyPeer<DurableBroker> ours = new(() => DurableBroker.StartAsync(Path.Combine(directory, "broker")));
        await using LazyPeer<SqliteQueue> sqlite = new(() => Task.FromResult(new SqliteQueue(Path.Combine(directory, "queue.db"))));
        await using LazyPeer<RabbitPeer> rabbit = new(() => RabbitPeer.StartAsync(context.Rabbit!));
        await using LazyPeer<RedisPeer> redis = new(RedisPeer.StartAsync);
        bool hasRabbit = context.Rabbit is not null;
        bool hasRedis = RedisServer.Absence is null;
        List<Measurement> all = [];
        List<Action> judgements = [];
        Measurement? last = null;
        foreach (int window in Windows)
        {
            List<Measurement> these = [];
            string scenario = string.Create(CultureInfo.InvariantCulture, $"S5, {window} outstanding");
            Measurement raw = Add($"{scenario} · raw append + sync", latencies => Task.Run(() => RawFile.Append(directory, BodyBytes, window, duration, latencies)));
            Measurement recycled = Add(
                $"{scenario} · raw, over a recycled file", latencies => Task.Run(() => RawFile.Overwrite(directory, BodyBytes, window, duration, latencies)));
            Measurement embedded = Add(
                $"{scenario} · EmbeddedMq", async latencies => await (await ours.GetAsync()).PublishAsync(BodyBytes, window, PublishFlags.None, duration, latencies));
            Measurement lean = Add($"{scenario} · FasterLog, lean", latencies => LeanFasterLog.AppendAsync(directory, BodyBytes, window, duration, latencies));
            Measurement standard = Add($"{scenario} · FasterLog, default", latencies => DefaultFasterLog.AppendAsync(directory, BodyBytes, window, duration, latencies));
            Measurement table = Add($"{scenario} · SQLite", async latencies => await (await sqlite.GetAsync()).PublishAsync(BodyBytes, window, duration, latencies));
            Measurement? stream = hasRedis
                ? Add($"{scenario} · Redis stream", async latencies => await (await redis.GetAsync()).PublishAsync(BodyBytes, window, duration, latencies))
                : null;
            Measurement buffered = Add(
                $"{scenario} · EmbeddedMq, confirmed as RabbitMQ does",
                async latencies => await (await ours.GetAsync()).PublishAsync(BodyBytes, window, PublishFlags.ConfirmOsBuffered, duration, latencies));
            Measurement? server = hasRabbit
                ? Add($"{scenario} · RabbitMQ", async latencies => await (await rabbit.GetAsync()).PublishAsync(BodyBytes, window, duration, latencies))
                : null;
            embedded.ComparedWith("of raw append + sync", raw).ComparedWith("of raw recycled", recycled).ComparedWith("x FasterLog default", standard).ComparedWith("x FasterLog lean", lean);
            if (server is not null)
            {
                buffered.ComparedWith("x RabbitMQ", server);
            }

            all.AddRange(these);
            last = embedded;
            judgements.Add(() =>
            {
                context.Chart.Add($"{scenario}: durable publish with confirm", these);
                if (window == 1)
                {
                    context.Targets.AtLeast($"{scenario}, of raw append + sync", 0.9, embedded.RatiosTo(raw));
                }
                else if (window == 256)
                {
                    context.Targets.AtLeast($"{scenario}, of raw append + sync", 0.5, embedded.RatiosTo(raw));
                    context.Targets.AtLeast($"{scenario}, in SQLite's", 2, embedded.RatiosTo(table));
                    if (stream is not null)
                    {
                        context.Targets.AtLeast($"{scenario}, in Redis'", 2, embedded.RatiosTo(stream));
                    }

                    if (server is not null)
                    {
                        context.Targets.AtLeast($"{scenario}, in RabbitMQ's", 30, embedded.RatiosTo(server));
                    }
                }
            });

            Measurement Add(string name, Func<LatencyHistogram, Task<Outcome>> run)
            {
                Measurement measurement = new(name, run);
                these.Add(measurement);
                return measurement;
            }
        }

        const string EndToEnd = "S6, 256 outstanding";
        Measurement ourEnds = new($"{EndToEnd} · EmbeddedMq", async latencies => await (await ours.GetAsync()).PublishAndConsumeAsync(BodyBytes, EndToEndWindow, duration, latencies));
        List<Measurement> ends =
        [
            ourEnds.ComparedWith("of S5", last!),
            new($"{EndToEnd} · SQLite", async latencies => await (await sqlite.GetAsync()).PublishAndConsumeAsync(BodyBytes, EndToEndWindow, duration, latencies)),
        ];
        if (hasRedis)
        {
            ends.Add(new($"{EndToEnd} · Redis stream", async latencies => await (await redis.GetAsync()).PublishAndConsumeAsync(BodyBytes, EndToEndWindow, duration, latencies)));
        }
        else
        {
            context.Skip("S5, S6 · Redis", RedisServer.Absence!);
        }

        if (hasRabbit)
        {
            ends.Add(new($"{EndToEnd} · RabbitMQ", async latencies => await (await rabbit.GetAsync()).PublishAndConsumeAsync(BodyBytes, EndToEndWindow, duration, latencies)));
        }
        else
        {
            context.Skip("S5, S6 · RabbitMQ", context.RabbitAbsence!);
        }

        await context.Report.RunAsync([.. all, .. ends]);
        judgements.ForEach(static judge => judge());
        context.Chart.Add($"{EndToEnd}: durable publish, consume, acknowledge", ends);
        context.Targets.AtLeast($"{EndToEnd}, of S5", 0.6, ourEnds.RatiosTo(last!));
    }
}
