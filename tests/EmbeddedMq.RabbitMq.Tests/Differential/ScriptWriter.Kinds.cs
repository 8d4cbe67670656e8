using System.Globalization;

namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <content>The quorum queue of some scripts, and the policies of some.</content>
internal sealed partial class ScriptWriter
{
    private Command UseQuorumQueue()
    {
        if (!run.OpenChannels.Contains(_quorumChannel))
        {
            _quorumChannel = _channels++;
            return Open(_quorumChannel, random.Next(2), ChannelMode.Confirm);
        }

        int channel = _quorumChannel;
        if (!run.HasQuorumQueue || random.Next(8) == 0)
        {
            return DeclareQuorumQueue(channel);
        }

        return random.Next(20) switch
        {
            < 9 when run.IsQuorumQueueIdle => PublishToQuorumQueue(channel),
            < 12 when !run.HasQuorumConsumer => ConsumeFrom(EngineRun.QuorumQueue, channel), // several take turns in another way than those of classic queues
            < 13 => OnQuorumQueue(channel, "PurgeQueueAsync(\"q5\")", static async (c, queue) => $"{await c.PurgeQueueAsync(queue)}"),
            < 14 => OnQuorumQueue(channel, "DeleteQueueAsync(\"q5\")", static async (c, queue) => $"{await c.DeleteQueueAsync(queue)}"),
            < 15 => Recover(channel),
            < 16 => Simple(channel, "CloseAsync()", static async (c, _) => await c.CloseAsync()),
            _ => GetFrom(EngineRun.QuorumQueue, channel),
        };
    }

    private Command DeclareQuorumQueue(int channel)
    {
        int limit = random.Next(-1, 3);
        string? dead = random.Next(2) == 0 ? Pick(EngineRun.Queues) : null;
        bool singleActive = random.Next(6) == 0;
        string code = ".Durable().WithArgument(\"x-queue-type\", \"quorum\")"
            + (limit < 0 ? "" : string.Create(CultureInfo.InvariantCulture, $".WithDeliveryLimit({limit})"))
            + (dead is null ? "" : $".DeadLetterTo(\"{dead}\")")
            + (singleActive ? ".SingleActiveConsumer()" : "");
        return new Command($"await c{channel}.DeclareQueueAsync(\"q5\", q => q{code});", r => r.OnQuorumQueueAsync(channel, async (c, queue) =>
        {
            QueueDeclared declared = await c.DeclareQueueAsync(queue, q =>
            {
                q = q.Durable().WithArgument(QueueArgument.QueueType, "quorum");
                q = limit < 0 ? q : q.WithDeliveryLimit(limit);
                q = dead is null ? q : q.DeadLetterTo(r.Name(dead));
                return singleActive ? q.SingleActiveConsumer() : q;
            });
            return $"{declared.MessageCount}";
        }));
    }

    private Command PublishToQuorumQueue(int channel)
    {
        string body = string.Create(CultureInfo.InvariantCulture, $"m{++_messages}");
        return OnQuorumQueue(channel, $"TryPublishAsync(\"\", \"q5\", Message.Text(\"{body}\"))", async (c, queue) =>
        {
            PublishResult result = await c.TryPublishAsync("", queue, Message.Text(body));
            return $"{result.Outcome} {result.SequenceNumber}";
        });
    }

    private static Command OnQuorumQueue(int channel, string code, Func<IChannel, string, Task<string>> call)
        => new($"await c{channel}.{code};", r => r.OnQuorumQueueAsync(channel, call));

    private Command SetOrDeletePolicy()
    {
        string name = Pick("p1", "p2");
        if (random.Next(3) == 0)
        {
            return new Command($"await broker.Management.DeletePolicyAsync(\"/\", \"{name}\");", r => r.DeletePolicyAsync(name));
        }

        // Limits and dead-letter exchanges that a policy gives make messages die at their publish; see _diesAtPublish.
        string target = _diesAtPublish ? Pick(EngineRun.Queues) : Pick(Exchanges);
        PolicyTarget applyTo = _diesAtPublish ? PolicyTarget.Queues : PolicyTarget.Exchanges;
        int priority = name == "p1" ? Pick(1, 3) : 2; // which of two equal ones applies is chance
        string dead = Pick(EngineRun.Queues);
        string alternate = Pick(Exchanges);
        (string Code, Func<EngineRun, HeaderTable> Definition)[] definitions = _diesAtPublish
            ?
            [
                ("HeaderTable.Of(\"max-length\", 1)", static _ => HeaderTable.Of("max-length", 1)),
                // Not together with a length: a server then drops what is too much before it begins to reject.
                ("HeaderTable.Of(\"overflow\", \"reject-publish\")", static _ => HeaderTable.Of("overflow", "reject-publish")),
                ("HeaderTable.Of(\"max-length-bytes\", 6)", static _ => HeaderTable.Of("max-length-bytes", 6)),

                // Not 0: over a backlog a server then drops what is published, wherever it would stand.
                ("HeaderTable.Of(\"message-ttl\", 3600000)", static _ => HeaderTable.Of("message-ttl", 3_600_000)),
                ($"HeaderTable.Of(\"dead-letter-exchange\", \"\").With(\"dead-letter-routing-key\", \"{dead}\")",
                    r => HeaderTable.Of("dead-letter-exchange", "").With("dead-letter-routing-key", r.Name(dead))),
                ($"HeaderTable.Of(\"max-length\", 1).With(\"dead-letter-exchange\", \"\").With(\"dead-letter-routing-key\", \"{dead}\")",
                    r => HeaderTable.Of("max-length", 1).With("dead-letter-exchange", "").With("dead-letter-routing-key", r.Name(dead))),
            ]
            : [($"HeaderTable.Of(\"alternate-exchange\", \"{alternate}\")", r => HeaderTable.Of("alternate-exchange", r.Name(alternate)))];
        (string code, Func<EngineRun, HeaderTable> definition) = definitions[random.Next(definitions.Length)];
        return new Command(
            $"await broker.Management.SetPolicyAsync(\"/\", new Policy(\"{name}\", \"^{target}$\", {code}) {{ ApplyTo = PolicyTarget.{applyTo}, Priority = {priority} }});",
            r => r.SetPolicyAsync(name, target, applyTo, priority, definition(r)));
    }
}
