namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <content>What queues are declared with, and calls that only look or that are wrong.</content>
internal sealed partial class ScriptWriter
{
    private static readonly QueueChange[] Usual =
    [
        new("", static (q, _) => q, KillsNothing: true),
        new(".WithMessageTtl(TimeSpan.Zero)", static (q, _) => q.WithMessageTtl(TimeSpan.Zero)),
        new(".WithMessageTtl(TimeSpan.FromHours(1))", static (q, _) => q.WithMessageTtl(TimeSpan.FromHours(1))),
        new(".MaxLength(2)", static (q, _) => q.MaxLength(2)),
        new(".MaxLength(0)", static (q, _) => q.MaxLength(0)),
        new(".MaxLengthBytes(6)", static (q, _) => q.MaxLengthBytes(6)),
        new(".MaxLength(2, Overflow.RejectPublish)", static (q, _) => q.MaxLength(2, Overflow.RejectPublish)),
        new(".MaxLength(1, Overflow.RejectPublishDeadLetter)", static (q, _) => q.MaxLength(1, Overflow.RejectPublishDeadLetter)),
        new(".WithMaxPriority(3)", static (q, _) => q.WithMaxPriority(3), KillsNothing: true),
        new(".SingleActiveConsumer()", static (q, _) => q.SingleActiveConsumer(), KillsNothing: true),
        new(".AutoDelete()", static (q, _) => q.AutoDelete(), KillsNothing: true),
        new(".Durable()", static (q, _) => q.Durable(), KillsNothing: true),
        new(".Exclusive()", static (q, _) => q.Exclusive(), KillsNothing: true),
    ];

    // Arguments that are wrong, or that differ from others in one way only.
    private static readonly QueueChange[] Rare =
    [
        With("x-unknown", 1),
        With("x-message-ttl", -1),
        With("x-message-ttl", 3_600_000),
        With("x-message-ttl", 0L),
        With("x-max-priority", 256),
        With("x-max-priority", 3L),
        With("x-max-length", "many"),
        With("x-max-length", 2),
        With("x-max-length-bytes", -1),
        With("x-overflow", "no"),
        With("x-overflow", "drop-head"),
        With("x-overflow", 1),
        With("x-dead-letter-routing-key", "a"),
        With("x-dead-letter-exchange", 1),
        With("x-expires", 0),
        With("x-expires", 3_600_000),
        With("x-expires", "1h"),
        With("x-single-active-consumer", "yes"),
        With("x-single-active-consumer", false),
        With("x-queue-type", "classic"),
        With("x-queue-type", "none"),
        With("x-queue-mode", "lazy"),
        With("x-queue-mode", "busy"),
        With("x-max-age", "1h"),
        With("x-quorum-initial-group-size", 1),
    ];

    private static QueueChange With(string name, object value)
        => new($".WithArgument(\"{name}\", {Literal(value)})", (q, _) => q.WithArgument(name, value));

    private static string Literal(object value) => value switch
    {
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        long number => FormattableString.Invariant($"{number}L"),
        _ => FormattableString.Invariant($"{value}"),
    };

    private Command DeclarePassively(int channel)
    {
        string queue = Pick(EngineRun.Queues);
        string exchange = Pick(Exchanges);
        return random.Next(3) == 0
            ? Simple(channel, $"DeclareExchangePassiveAsync(\"{exchange}\")", async (c, r) => await c.DeclareExchangePassiveAsync(r.Name(exchange)))
            : Call(channel, $"DeclareQueuePassiveAsync(\"{queue}\")", async (c, r) =>
            {
                QueueDeclared declared = await c.DeclareQueuePassiveAsync(r.Name(queue));
                return $"{declared.MessageCount} {declared.ConsumerCount}";
            });
    }

    private Command Mistake(int channel) => random.Next(18) switch
    {
        0 => Simple(channel, "AckAsync(99, multiple: false)", static async (c, _) => await c.AckAsync(99)),
        1 => Simple(channel, "NackAsync(99, multiple: true)", static async (c, _) => await c.NackAsync(99, multiple: true)),
        2 => Simple(channel, "AckAsync(0, multiple: true)", static async (c, _) => await c.AckAsync(0, multiple: true)),
        3 => Simple(channel, "DeclareExchangeAsync(\"amq.new\", \"direct\")", static async (c, _) => await c.DeclareExchangeAsync("amq.new", ExchangeType.Direct)),
        4 => Simple(channel, "DeleteExchangeAsync(\"amq.direct\")", static async (c, _) => await c.DeleteExchangeAsync("amq.direct")),
        5 => Simple(channel, "SelectConfirmAsync()", static async (c, _) => await c.SelectConfirmAsync()),
        6 => Simple(channel, "GetAsync(\"\", autoAck: true)", static async (c, _) => await c.GetAsync("", autoAck: true)),
        7 => Simple(channel, "BindQueueAsync(\"\", \"x1\", \"\")", static async (c, r) => await c.BindQueueAsync("", r.Name("x1"), "")),
        8 => Simple(channel, "StartConsumerAsync(\"q1\", new ConsumerOptions { Arguments = HeaderTable.Of(\"x-priority\", \"high\") })", static async (c, r) => await c.StartConsumerAsync(r.Name("q1"), new ConsumerOptions { Arguments = HeaderTable.Of("x-priority", "high") })),
        9 => Simple(channel, "BindQueueAsync(\"q1\", \"amq.headers\", \"\", HeaderTable.Of(\"x-match\", \"some\"))", static async (c, r) => await c.BindQueueAsync(r.Name("q1"), "amq.headers", "", HeaderTable.Of("x-match", "some"))),
        10 => Simple(channel, "DeleteExchangeAsync(\"\")", static async (c, _) => await c.DeleteExchangeAsync("")),
        11 => Simple(channel, "UnbindQueueAsync(\"q1\", \"\", \"a\")", static async (c, r) => await c.UnbindQueueAsync(r.Name("q1"), "", "a")),
        12 => Simple(channel, "DeclareQueueAsync(\"amq.new\")", static async (c, _) => await c.DeclareQueueAsync("amq.new")),
        13 => Simple(channel, "DeclareQueueAsync(\"amq.new\", q => q.WithArgument(\"x-message-ttl\", -1))", static async (c, _) => await c.DeclareQueueAsync("amq.new", static q => q.WithArgument("x-message-ttl", -1))),
        14 => CopyToWhatIsNoList(channel),
        15 when run.RunningConsumers is { Count: > 0 } running => UseTagAgain(running[random.Next(running.Count)]),
        16 => Simple(channel, "DeclareExchangeAsync(\"x1\", \"direct\", e => e.WithArgument(\"alternate-exchange\", 1))", static async (c, r) => await c.DeclareExchangeAsync(r.Name("x1"), ExchangeType.Direct, static e => e.WithArgument("alternate-exchange", 1))),
        _ => Simple(channel, "SelectTransactionAsync()", static async (c, _) => await c.SelectTransactionAsync()),
    };

    private static Command CopyToWhatIsNoList(int channel) => Call(
        channel,
        "TryPublishAsync(\"\", \"q1\", Message.Text(\"m\", new MessageProperties { Headers = HeaderTable.Of(\"CC\", \"q2\") }))",
        static async (c, r) =>
        {
            await c.TryPublishAsync("", r.Name("q1"), Message.Text("m", new MessageProperties { Headers = HeaderTable.Of("CC", "q2") }));
            await c.DeclareExchangePassiveAsync("amq.direct");
            return "ok";
        });

    // Ends the connection.
    private Command UseTagAgain(int consumer)
    {
        int channel = run.ChannelOf(consumer);
        return Simple(channel, $"StartConsumerAsync(\"q1\", new ConsumerOptions {{ ConsumerTag = \"t{consumer}\" }})", async (c, r) =>
            await c.StartConsumerAsync(r.Name("q1"), new ConsumerOptions { ConsumerTag = FormattableString.Invariant($"t{consumer}") }));
    }
}
