namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>Two or three threads that each do a few things with the same queues and channels, drawn from a seed: for races that nobody thought of.</summary>
/// <remarks>What a thread does never waits for another one: publishers are not blocked, and only deliveries that are there are read.</remarks>
internal sealed class RandomProgram
{
    private const int MostSetUp = 4;
    private const int MostSteps = 3;

    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(1);

    private readonly QueueDeclaration[] _queues;
    private readonly ChannelMode[] _channels;
    private readonly List<Step> _setUp = [];
    private readonly List<Step>[] _threads;
    private readonly bool _mayDrop;
    private readonly bool _hasPager;

    /// <summary>Draws a program.</summary>
    /// <param name="seed">Equal seeds give equal programs.</param>
    /// <param name="hasPager">Whether it runs beside a pager.</param>
    internal RandomProgram(int seed, bool hasPager)
    {
        _hasPager = hasPager;
        Random random = new(seed);
        _threads = [.. Enumerable.Range(0, random.Next(4) == 0 ? 3 : 2).Select(static _ => new List<Step>())];
        _queues = [DrawQueue(random, "q", "r", ref _mayDrop), DrawQueue(random, "r", "q", ref _mayDrop)];
        _channels = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(4) == 0 ? ChannelMode.Transactional : ChannelMode.Confirm)];
        _setUp.Add(Consuming(random)); // somebody for the messages to meet
        for (int i = random.Next(1, MostSetUp); i > 0; i--)
        {
            _setUp.Add(random.Next(2) == 0 ? Publishing(random, ref _mayDrop) : Consuming(random));
        }

        foreach (List<Step> thread in _threads)
        {
            for (int i = random.Next(1, MostSteps + 1); i > 0; i--)
            {
                thread.Add(DrawStep(random, ref _mayDrop));
            }
        }
    }

    /// <summary>Sets up one run.</summary>
    /// <param name="scenario">The run.</param>
    /// <param name="pager">Its pager, if it has one.</param>
    internal async Task SetUpAsync(Scenario scenario, PagerThread? pager = null)
    {
        RandomRun run = new(scenario, pager, _queues, _mayDrop);
        await run.OpenAsync(_channels);
        _setUp.ForEach(step => step.Carry(run));
        int left = _threads.Length;
        for (int i = 0; i < _threads.Length; i++)
        {
            List<Step> steps = _threads[i];
            scenario.Thread($"thread {i}", () =>
            {
                steps.ForEach(step => step.Carry(run));
                left--;
            });
        }

        if (pager is not null)
        {
            scenario.Thread("pager", () => pager.RunUntil(() => left == 0));
        }

        scenario.Check = run.CheckAsync;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(
        Environment.NewLine,
        [
            .. _queues.Select(static queue => $"queue {queue.Name}: {string.Join(", ", queue.Arguments.Entries.ToArray().Select(static a => $"{a.Key} = {a.Value}"))}"),
            $"channels: {string.Join(", ", _channels)}",
            $"first: {string.Join("; ", _setUp)}",
            .. _threads.Select(static (steps, i) => $"thread {i}: {string.Join("; ", steps)}"),
        ]);

    private static QueueDeclaration DrawQueue(Random random, string name, string other, ref bool mayDrop)
    {
        QueueDeclaration queue = new(name);
        if (random.Next(2) == 0)
        {
            queue = queue.DeadLetterTo(other);
        }

        if (random.Next(4) == 0)
        {
            queue = queue.MaxLength(random.Next(1, 3), (Overflow)random.Next(3));
            mayDrop = true;
        }

        if (random.Next(5) == 0)
        {
            queue = queue.WithMessageTtl(TimeToLive);
            mayDrop = true;
        }

        if (random.Next(6) == 0)
        {
            queue = queue.WithDeliveryLimit(1);
            mayDrop = true;
        }

        if (random.Next(10) == 0)
        {
            queue = random.Next(2) == 0 ? queue.AutoDelete() : queue.ExpiresAfter(TimeToLive);
            mayDrop = true;
        }

        return random.Next(6) switch
        {
            0 => queue.WithMaxPriority(2),
            1 => queue.SingleActiveConsumer(),
            _ => queue,
        };
    }

    private Step DrawStep(Random random, ref bool mayDrop)
    {
        int channel = random.Next(_channels.Length);
        switch (random.Next(_hasPager ? 24 : 26))
        {
            case < 5:
                return Publishing(random, ref mayDrop);
            case < 7:
                return Consuming(random);
            case < 14:
                Settlement read = DrawSettlement(random, ref mayDrop);
                int consumer = random.Next(4) / 3;
                return new Step($"read from consumer {consumer} and {read}", run => run.Read(consumer, read));
            case < 16:
                Settlement settlement = DrawSettlement(random, ref mayDrop);
                return new Step($"{settlement} on channel {channel}", run => run.Settle(channel, settlement));
            case 16:
                int cancelled = random.Next(3);
                bool disposes = random.Next(2) == 0;
                return new Step($"{(disposes ? "dispose" : "cancel")} consumer {cancelled}", run => run.Cancel(cancelled, disposes));
            case 17:
                (int window, bool perChannel) = (random.Next(3), random.Next(2) == 0);
                return new Step($"prefetch {window}{(perChannel ? " shared" : "")} on channel {channel}", run => run.Try(() => run.Channel(channel).SetPrefetchAsync(window, perChannel)));
            case 18:
                return new Step($"recover channel {channel}", run => run.Recover(channel));
            case 19:
                bool whole = random.Next(3) == 0;
                return new Step($"close {(whole ? "the connection of " : "")}channel {channel}", run => run.Close(channel, whole));
            case 20:
                bool commits = random.Next(3) > 0;
                return new Step($"{(commits ? "commit" : "roll back")} channel {channel}", run => run.EndTransaction(channel, commits));
            case 21:
                return new Step("let time pass", run => run.Pass(TimeToLive));
            case 22:
                mayDrop = true;
                string purged = DrawName(random);
                return new Step($"purge {purged} on channel {channel}", run => run.Try(() => run.Channel(channel).PurgeQueueAsync(purged)));
            case 24 or 25:
                Settlement got = DrawSettlement(random, ref mayDrop);
                (string queue, bool autoAck) = (DrawName(random), random.Next(3) == 0);
                return new Step($"get from {queue} on channel {channel}{(autoAck ? ", acknowledged" : "")} and {got}", run => run.Get(channel, queue, autoAck, got));
            default:
                mayDrop = true;
                string deleted = DrawName(random);
                return random.Next(2) == 0
                    ? new Step($"delete {deleted} on channel {channel}", run => run.Try(() => run.Channel(channel).DeleteQueueAsync(deleted)))
                    : Policing(random, deleted);
        }
    }

    private static Step Policing(Random random, string queue)
    {
        (string text, HeaderTable definition) = random.Next(4) switch
        {
            0 => ("refuse what is too much", HeaderTable.Of("max-length", 1).With("overflow", "reject-publish")),
            1 => ("let expire", HeaderTable.Of("message-ttl", (int)TimeToLive.TotalMilliseconds)),
            2 => ("dead-letter what is too much", HeaderTable.Of("max-length", 1).With("dead-letter-exchange", "").With("dead-letter-routing-key", queue == "q" ? "r" : "q")),
            _ => ("drop what is too much", HeaderTable.Of("max-length", 1)),
        };
        return new Step($"{text} in {queue} by policy", run => run.SetPolicy(queue, definition));
    }

    private Step Publishing(Random random, ref bool mayDrop)
    {
        (int channel, string queue, int count) = (random.Next(_channels.Length), DrawName(random), random.Next(1, 3));
        MessageProperties properties = new()
        {
            Priority = random.Next(4) == 0 ? (byte)1 : null,
            Expiration = random.Next(12) switch { 0 => "0", 1 => $"{TimeToLive.TotalMilliseconds}", _ => null },
        };
        mayDrop |= properties.Expiration is not null;
        string kind = (properties.Priority is null ? "" : ", of priority") + (properties.Expiration is null ? "" : $", for {properties.Expiration} ms");
        return new Step($"publish {count} to {queue} on channel {channel}{kind}", run => run.Publish(channel, queue, count, properties));
    }

    private Step Consuming(Random random)
    {
        (int channel, string queue) = (random.Next(_channels.Length), DrawName(random));
        ConsumerOptions options = new()
        {
            AutoAck = random.Next(4) == 0,
            PrefetchCount = random.Next(5) switch { 0 => null, 1 => 2, _ => 1 },
            Priority = random.Next(4) == 0 ? 1 : 0,
            Exclusive = random.Next(12) == 0,
        };
        return new Step(
            $"consume {queue} on channel {channel} (window {options.PrefetchCount?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}{(options.AutoAck ? ", acknowledged" : "")}{(options.Priority > 0 ? ", priority" : "")}{(options.Exclusive ? ", exclusive" : "")})",
            run => run.Consume(channel, queue, options));
    }

    private static string DrawName(Random random) => random.Next(3) == 0 ? "r" : "q";

    private static Settlement DrawSettlement(Random random, ref bool mayDrop)
    {
        SettlementKind kind = random.Next(8) switch { 0 => SettlementKind.Keep, 1 => SettlementKind.Requeue, 2 => SettlementKind.Reject, _ => SettlementKind.Ack };
        bool multiple = kind != SettlementKind.Keep && random.Next(5) == 0;
        mayDrop |= multiple; // what nobody has read yet is settled, too
        return new Settlement(kind, multiple);
    }

    private sealed record Step(string Text, Action<RandomRun> Carry)
    {
        public override string ToString() => Text;
    }
}
