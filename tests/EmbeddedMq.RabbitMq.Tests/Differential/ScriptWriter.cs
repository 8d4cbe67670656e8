using System.Globalization;

namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <summary>Writes a script step by step from a seed, choosing among what the engine that it runs on holds at that moment.</summary>
/// <param name="random">The seeded generator.</param>
/// <param name="run">The engine.</param>
internal sealed partial class ScriptWriter(Random random, EngineRun run)
{
    private static readonly string[] Exchanges = ["x1", "x2", "x3"];
    private static readonly string[] Types = [ExchangeType.Direct, ExchangeType.Fanout, ExchangeType.Topic, ExchangeType.Headers];
    private static readonly string[] Keys = ["a", "b", "a.b", "", "a..b", ".", "a.b.c"];
    private static readonly string[] BindingKeys = ["a", "b", "#", "*", "a.*", "a.#", "#.b", "", "*.*", "a.#.b"];

    private readonly HashSet<string> _consumed = []; // queues that have had a consumer: most scripts give a queue one, some give several their turns

    // A message that dies at its publish and goes on to a queue that the same publish reaches directly: which copy is first there is a matter of
    // chance on a server (different paths have no mutual order). So a script has either such deaths, or publishes of several destinations.
    private readonly bool _diesAtPublish = random.Next(2) == 0;
    private readonly HashSet<int> _windowed = []; // channels whose consumers have shared a window
    private readonly bool _hasQuorumQueue = random.Next(3) == 0;
    private readonly bool _hasPolicies = random.Next(3) == 0;
    private readonly bool _hasRequests = random.Next(4) == 0;
    private readonly bool _hasManyConsumers = random.Next(4) == 0; // queues with more than one each

    // What most queues of the script are, so that more happens to such ones than a single declaration among others brings about.
    private readonly QueueChange? _favourite = random.Next(3) == 0 ? null : Usual[random.Next(Usual.Length)];
    private int _channels = 3;
    private int _quorumChannel = -1; // for the quorum queue alone: what comes from different queues at once has no order on a server
    private int _requestChannel = -1; // for requests alone: a server's replies take no delivery tags
    private int _consumers;
    private int _messages;

    /// <summary>The first steps: connections and channels.</summary>
    internal static IEnumerable<Command> Opening()
    {
        yield return new Command("n0 = await broker.ConnectAsync();", static r => r.ConnectAsync(0));
        yield return new Command("n1 = await broker.ConnectAsync();", static r => r.ConnectAsync(1));
        yield return Open(0, 0, ChannelMode.Confirm);
        yield return Open(1, 1, ChannelMode.Confirm);
        yield return Open(2, 0, ChannelMode.Transactional);
    }

    /// <summary>The next step.</summary>
    internal Command Next()
    {
        if (run.ClosedConnection is { } closed)
        {
            return Reconnect(closed);
        }

        int[] open = [.. run.OpenChannels.Where(channel => channel != _quorumChannel && channel != _requestChannel)];
        if (open.Length < 3)
        {
            return Open(_channels++, random.Next(2), random.Next(4) == 0 ? ChannelMode.Transactional : ChannelMode.Confirm);
        }

        int channel = open[random.Next(open.Length)];
        if (_hasQuorumQueue && random.Next(5) == 0)
        {
            return UseQuorumQueue();
        }

        if (_hasRequests && random.Next(6) == 0)
        {
            return RequestOrReply(channel);
        }

        if (_hasPolicies && random.Next(15) == 0)
        {
            return SetOrDeletePolicy();
        }

        return random.Next(100) switch
        {
            < 9 => DeclareQueue(channel),
            < 15 => DeclareExchange(channel),
            < 22 => Bind(channel),
            < 24 => Unbind(channel),
            < 26 => BindExchange(channel),
            < 52 => Publish(channel),
            < 60 => Get(channel),
            < 68 => Consume(channel),
            < 70 => Cancel(channel),
            < 88 => Settle(channel),
            < 90 => Recover(channel),
            < 92 => Transaction(channel),
            < 94 => Delete(channel),
            < 95 => Purge(channel),
            < 96 => Prefetch(channel),
            < 97 => Simple(channel, "CloseAsync()", static async (c, _) => await c.CloseAsync()),
            < 98 => random.Next(2) == 0 ? Reconnect(random.Next(2)) : Expire(channel),
            < 99 => DeclarePassively(channel),
            _ => Mistake(channel),
        };
    }

    private static Command Open(int channel, int connection, ChannelMode mode)
        => new($"c{channel} = await n{connection}.OpenChannelAsync(new ChannelOptions {{ Mode = ChannelMode.{mode} }});", r => r.OpenChannelAsync(channel, connection, mode));

    private static Command Call(int channel, string code, Func<IChannel, EngineRun, Task<string>> call)
        => new($"await c{channel}.{code};", r => r.OnAsync(channel, c => call(c, r)));

    private static Command Simple(int channel, string code, Func<IChannel, EngineRun, Task> call) => Call(channel, code, async (c, r) =>
    {
        await call(c, r);
        return "ok";
    });

    private T Pick<T>(params T[] items) => items[random.Next(items.Length)];

    private Command DeclareQueue(int channel)
    {
        string queue = Pick(EngineRun.Queues);

        // Mostly usual and valid ones, or nothing would be left to happen.
        List<QueueChange> chosen = [_favourite is not null && random.Next(2) == 0 ? _favourite : random.Next(6) == 0 ? Pick(Rare) : Pick(Usual)];
        string dead = Pick(EngineRun.Queues);
        string exchange = Pick(Exchanges);
        if (random.Next(2) == 0 && (_diesAtPublish || chosen[0].KillsNothing))
        {
            chosen.Add((_diesAtPublish ? 0 : random.Next(3)) switch
            {
                0 => new($".DeadLetterTo(\"{dead}\")", (q, r) => q.DeadLetterTo(r.Name(dead))),
                1 => new($".DeadLetterTo(\"{exchange}\", null)", (q, r) => q.DeadLetterTo(r.Name(exchange), null)),
                _ => new($".DeadLetterTo(\"{exchange}\", \"a.b\")", (q, r) => q.DeadLetterTo(r.Name(exchange), "a.b")),
            });
        }

        return Call(channel, $"DeclareQueueAsync(\"{queue}\", q => q{string.Concat(chosen.Select(static c => c.Code))})", async (c, r) =>
        {
            QueueDeclared declared = await c.DeclareQueueAsync(r.Name(queue), q => chosen.Aggregate(q, (changed, change) => change.Change(changed, r)));
            return $"{declared.MessageCount} {declared.ConsumerCount}";
        });
    }

    private Command DeclareExchange(int channel)
    {
        string exchange = Pick(Exchanges);
        string type = Pick(Types);
        string alternate = Pick(Exchanges);
        bool hasAlternate = random.Next(4) == 0;
        bool autoDelete = random.Next(6) == 0;
        bool isInternal = random.Next(10) == 0;
        bool durable = random.Next(10) == 0;
        string code = (hasAlternate ? $".AlternateExchange(\"{alternate}\")" : "")
            + (autoDelete ? ".AutoDelete()" : "") + (isInternal ? ".Internal()" : "") + (durable ? ".Durable()" : "");
        return Simple(channel, $"DeclareExchangeAsync(\"{exchange}\", \"{type}\", e => e{code})", async (c, r) =>
            await c.DeclareExchangeAsync(r.Name(exchange), type, e =>
            {
                e = hasAlternate ? e.AlternateExchange(r.Name(alternate)) : e;
                e = autoDelete ? e.AutoDelete() : e;
                e = isInternal ? e.Internal() : e;
                return durable ? e.Durable() : e;
            }));
    }

    private (string Code, HeaderTable Table) BindingArguments() => random.Next(14) switch
    {
        0 => ("HeaderTable.Of(\"h\", 1)", HeaderTable.Of("h", 1)),
        1 => ("HeaderTable.Of(\"h\", \"1\").With(\"x-match\", \"any\")", HeaderTable.Of("h", "1").With("x-match", "any")),
        3 => ("HeaderTable.Of(\"h\", 1).With(\"x-h\", 1).With(\"x-match\", \"all-with-x\")", HeaderTable.Of("h", 1).With("x-h", 1).With("x-match", "all-with-x")),
        4 => ("HeaderTable.Of(\"x-h\", 1).With(\"g\", false).With(\"x-match\", \"any-with-x\")", HeaderTable.Of("x-h", 1).With("g", false).With("x-match", "any-with-x")),
        5 => ("HeaderTable.Of(\"x-h\", 2)", HeaderTable.Of("x-h", 2)),
        6 => ("HeaderTable.Of(\"x-match\", \"any\")", HeaderTable.Of("x-match", "any")),
        2 => ("HeaderTable.Of(\"h\", null).With(\"g\", true).With(\"x-match\", \"any\")", HeaderTable.Of("h", null).With("g", true).With("x-match", "any")),
        _ => ("null", HeaderTable.Empty),
    };

    private Command Bind(int channel)
    {
        string queue = Pick(EngineRun.Queues);
        string exchange = Pick("x1", "x2", "x3", "amq.topic", "");
        exchange = exchange == "amq.topic" ? Pick(Exchanges) : exchange;
        string key = Pick(BindingKeys);
        (string code, HeaderTable table) = BindingArguments();
        return Simple(channel, $"BindQueueAsync(\"{queue}\", \"{exchange}\", \"{key}\", {code})", async (c, r) => await c.BindQueueAsync(r.Name(queue), r.Name(exchange), key, table));
    }

    private Command Unbind(int channel)
    {
        string queue = Pick(EngineRun.Queues);
        string exchange = Pick(Exchanges);
        string key = Pick(BindingKeys);
        (string code, HeaderTable table) = BindingArguments();
        return Simple(channel, $"UnbindQueueAsync(\"{queue}\", \"{exchange}\", \"{key}\", {code})", async (c, r) => await c.UnbindQueueAsync(r.Name(queue), r.Name(exchange), key, table));
    }

    private Command BindExchange(int channel)
    {
        string destination = Pick(Exchanges);
        string source = Pick(Exchanges);
        string key = Pick(BindingKeys);
        (string code, HeaderTable table) = BindingArguments();
        return random.Next(4) == 0
            ? Simple(channel, $"UnbindExchangeAsync(\"{destination}\", \"{source}\", \"{key}\", {code})", async (c, r) => await c.UnbindExchangeAsync(r.Name(destination), r.Name(source), key, table))
            : Simple(channel, $"BindExchangeAsync(\"{destination}\", \"{source}\", \"{key}\", {code})", async (c, r) => await c.BindExchangeAsync(r.Name(destination), r.Name(source), key, table));
    }

    private Command Publish(int channel)
    {
        bool toQueue = _diesAtPublish || random.Next(2) == 0;
        string exchange = toQueue ? "" : Pick(Exchanges);
        string key = toQueue ? Pick(EngineRun.Queues) : Pick(Keys);
        string copy = !_diesAtPublish && random.Next(6) == 0 ? Pick(EngineRun.Queues) : "";
        string copyHeader = Pick("CC", "BCC");
        byte? priority = random.Next(4) == 0 ? (byte)random.Next(1, 6) : null; // RabbitMQ.Client does not send a priority of 0
        string? expiration = random.Next(24) switch { 0 when _diesAtPublish => "0", 1 => "3600000", 2 => random.Next(4) == 0 ? Pick("soon", "-1", "1.5", "4294967296", " 1") : null, _ => null };
        priority = expiration is null ? priority : null; // a server leaves an expired message at the head of a queue with priorities until its next use
        int header = random.Next(6);
        string? user = random.Next(50) switch { 0 => "bob", < 4 => "guest", _ => null };
        bool mandatory = random.Next(4) == 0;
        bool persistent = random.Next(3) == 0;
        string body = string.Create(CultureInfo.InvariantCulture, $"m{++_messages}");
        string headersCode = header switch
        {
            0 => ".With(\"h\", 1)",
            1 => ".With(\"h\", \"1\")",
            2 => ".With(\"g\", true).With(\"h\", 2L)",
            3 => ".With(\"h\", 1).With(\"x-h\", 1)",
            _ => "",
        }
            + (copy.Length > 0 ? $".With(\"{copyHeader}\", new object?[] {{ \"{copy}\" }})" : "");
        string code = $"new MessageProperties {{ {(priority is null ? "" : $"Priority = {priority}, ")}{(expiration is null ? "" : $"Expiration = \"{expiration}\", ")}"
            + $"{(persistent ? "DeliveryMode = DeliveryMode.Persistent, " : "")}{(user is null ? "" : $"UserId = \"{user}\", ")}{(headersCode.Length > 0 ? $"Headers = HeaderTable.Empty{headersCode}" : "")} }}";
        return Call(channel, $"TryPublishAsync(\"{exchange}\", \"{key}\", Message.Text(\"{body}\", {code}){(mandatory ? ", PublishFlags.Mandatory" : "")})", async (c, r) =>
        {
            HeaderTable headers = header switch
            {
                0 => HeaderTable.Of("h", 1),
                1 => HeaderTable.Of("h", "1"),
                2 => HeaderTable.Of("g", true).With("h", 2L),
                3 => HeaderTable.Of("h", 1).With("x-h", 1),
                _ => HeaderTable.Empty,
            };
            headers = copy.Length > 0 ? headers.With(copyHeader, new object?[] { r.Name(copy) }) : headers;
            MessageProperties properties = new()
            {
                Priority = priority,
                Expiration = expiration,
                DeliveryMode = persistent ? DeliveryMode.Persistent : null,
                UserId = user,
                Headers = headers.Count > 0 ? headers : null,
            };
            PublishResult result = await c.TryPublishAsync(r.Name(exchange), toQueue ? r.Name(key) : key, Message.Text(body, properties), mandatory ? PublishFlags.Mandatory : PublishFlags.None);
            if (c.Mode == ChannelMode.Transactional)
            {
                await c.DeclareExchangePassiveAsync("amq.direct"); // an answer, with which an error of the publish has come, too
            }

            return $"{result.Outcome} {result.SequenceNumber}";
        });
    }

    private Command Get(int channel) => GetFrom(Pick(EngineRun.Queues), channel);

    private Command GetFrom(string queue, int channel)
    {
        bool autoAck = random.Next(3) == 0;
        return new Command($"await c{channel}.GetAsync(\"{queue}\", autoAck: {(autoAck ? "true" : "false")});", r => r.GetAsync(channel, queue, autoAck));
    }

    private Command Consume(int channel)
    {
        // A client cannot give a second consumer a prefetch of its own without ending the window that the channel's consumers share, for a moment.
        string queue = Pick(EngineRun.Queues);
        if ((!_consumed.Add(queue) && !_hasManyConsumers && random.Next(3) != 0) || (_windowed.Contains(channel) && run.HasConsumer(channel)))
        {
            return Get(channel);
        }

        return ConsumeFrom(queue, channel);
    }

    private Command ConsumeFrom(string queue, int channel)
    {
        int id = _consumers++;
        ConsumerOptions options = new()
        {
            ConsumerTag = string.Create(CultureInfo.InvariantCulture, $"t{id}"),
            AutoAck = random.Next(4) == 0 && run.OpenChannels.Contains(channel) && channel < 2,
            Exclusive = random.Next(8) == 0 && queue != EngineRun.QuorumQueue, // RabbitMQ's quorum queues take no notice of it
            PrefetchCount = Pick<int?>(1, 2, 3, 0, null),
            Priority = queue == EngineRun.QuorumQueue ? 0 : Pick(0, 0, 1, 2),
        };
        string code = $"new ConsumerOptions {{ ConsumerTag = \"{options.ConsumerTag}\", AutoAck = {(options.AutoAck ? "true" : "false")}, "
            + $"Exclusive = {(options.Exclusive ? "true" : "false")}, PrefetchCount = {options.PrefetchCount?.ToString(CultureInfo.InvariantCulture) ?? "null"}, "
            + $"Priority = {options.Priority} }}";
        return new Command($"k{id} = await c{channel}.StartConsumerAsync(\"{queue}\", {code});", r => r.ConsumeAsync(id, channel, queue, options));
    }

    private Command Cancel(int channel)
    {
        IReadOnlyList<int> running = run.RunningConsumers;
        if (running.Count == 0)
        {
            return Get(channel);
        }

        int id = running[random.Next(running.Count)];
        return new Command($"await k{id}.CancelAsync();", r => r.CancelAsync(id));
    }

    private Command Settle(int channel)
    {
        int[] holding = [.. run.OpenChannels.Where(c => run.Unsettled[c].Count > 0)];
        if (holding.Length == 0)
        {
            return Publish(channel);
        }

        channel = holding[random.Next(holding.Length)];
        List<ulong> tags = run.Unsettled[channel];
        ulong tag = tags[random.Next(tags.Count)];
        bool multiple = random.Next(4) == 0;
        bool requeue = random.Next(2) == 0;
        int kind = random.Next(3);

        // What was settled is forgotten here for both engines; a tag that stays by mistake is one more unknown tag to try.
        if (multiple)
        {
            tags.RemoveAll(t => t <= tag);
        }
        else
        {
            tags.Remove(tag);
        }

        return kind switch
        {
            0 => Settled(channel, $"AckAsync({tag}, multiple: {(multiple ? "true" : "false")})", c => c.AckAsync(tag, multiple)),
            1 => Settled(channel, $"NackAsync({tag}, multiple: {(multiple ? "true" : "false")}, requeue: {(requeue ? "true" : "false")})", c => c.NackAsync(tag, multiple, requeue)),
            _ => Settled(channel, $"RejectAsync({tag}, requeue: {(requeue ? "true" : "false")})", c => c.RejectAsync(tag, requeue)),
        };
    }

    // A settlement has no answer of its own, and what the next step does on another channel must not come before it.
    private static Command Settled(int channel, string code, Func<IChannel, ValueTask> settle) => Simple(channel, code, async (c, _) =>
    {
        await settle(c);
        await c.DeclareExchangePassiveAsync("amq.direct");
    });

    // RabbitMQ.Client cannot recover within a transaction.
    private static Command Recover(int channel) => Call(channel, "RecoverAsync()", static async (c, _) =>
    {
        if (c.Mode == ChannelMode.Transactional)
        {
            return "left out";
        }

        await c.RecoverAsync();
        return "ok";
    });

    private Command Transaction(int channel) => EndTransaction(run.TransactionalChannels is { Count: > 0 } some && random.Next(4) != 0 ? some[random.Next(some.Count)] : channel);

    private Command EndTransaction(int channel) => random.Next(3) == 0
        ? Simple(channel, "RollbackTransactionAsync()", static async (c, _) => await c.RollbackTransactionAsync())
        : Simple(channel, "CommitTransactionAsync()", static async (c, _) => await c.CommitTransactionAsync());

    private Command Delete(int channel)
    {
        bool ifUnused = random.Next(3) == 0;
        bool ifEmpty = random.Next(3) == 0;
        if (random.Next(2) == 0)
        {
            string exchange = Pick(Exchanges);
            return Simple(channel, $"DeleteExchangeAsync(\"{exchange}\", ifUnused: {(ifUnused ? "true" : "false")})", async (c, r) => await c.DeleteExchangeAsync(r.Name(exchange), ifUnused));
        }

        string queue = Pick(EngineRun.Queues);
        return Call(
            channel,
            $"DeleteQueueAsync(\"{queue}\", ifUnused: {(ifUnused ? "true" : "false")}, ifEmpty: {(ifEmpty ? "true" : "false")})",
            async (c, r) => $"{await c.DeleteQueueAsync(r.Name(queue), ifUnused, ifEmpty)}");
    }

    private Command Purge(int channel)
    {
        string queue = Pick(EngineRun.Queues);
        return Call(channel, $"PurgeQueueAsync(\"{queue}\")", async (c, r) => $"{await c.PurgeQueueAsync(r.Name(queue))}");
    }

    private Command Prefetch(int channel)
    {
        int count = random.Next(4);
        bool perChannel = random.Next(2) == 0 && !_hasQuorumQueue; // RabbitMQ's quorum queues have no window of a channel
        if (perChannel)
        {
            _windowed.Add(channel);
        }

        return Simple(channel, $"SetPrefetchAsync({count}, perChannel: {(perChannel ? "true" : "false")})", async (c, _) => await c.SetPrefetchAsync(count, perChannel));
    }

    private static Command Reconnect(int connection) => new($"await n{connection}.CloseAsync(); n{connection} = await broker.ConnectAsync();", async r =>
    {
        await r.CloseConnectionAsync(connection);
        return await r.ConnectAsync(connection);
    });

    // Expired for certain at every later step, on both engines.
    private Command Expire(int channel)
    {
        string queue = Pick(EngineRun.Queues);
        string body = string.Create(CultureInfo.InvariantCulture, $"m{++_messages}");
        return Call(channel, $"TryPublishAsync(\"\", \"{queue}\", Message.Text(\"{body}\", new MessageProperties {{ Expiration = \"200\" }})); await Task.Delay(400)", async (c, r) =>
        {
            PublishResult result = await c.TryPublishAsync("", r.Name(queue), Message.Text(body, new MessageProperties { Expiration = "200" }));
            if (c.Mode == ChannelMode.Transactional)
            {
                await c.CommitTransactionAsync();
            }

            await r.PassAsync(TimeSpan.FromMilliseconds(400));
            return $"{result.Outcome} {result.SequenceNumber}";
        });
    }
}
