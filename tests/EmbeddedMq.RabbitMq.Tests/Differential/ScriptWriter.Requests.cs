using System.Globalization;

namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <content>Requests and replies through <c>amq.rabbitmq.reply-to</c>, in some scripts.</content>
internal sealed partial class ScriptWriter
{
    private Command RequestOrReply(int channel)
    {
        // RabbitMQ 3.10 delivers a reply when it is published, and not when its transaction commits.
        IReadOnlyList<string> asked = run.TransactionalChannels.Contains(channel) ? [] : run.Requests;
        if (asked.Count > 0 && random.Next(2) == 0)
        {
            return Reply(channel, asked[random.Next(asked.Count)]);
        }

        if (!run.OpenChannels.Contains(_requestChannel))
        {
            _requestChannel = _channels++;
            return Open(_requestChannel, random.Next(2), ChannelMode.Confirm);
        }

        int running = run.RunningConsumers.FirstOrDefault(consumer => run.ChannelOf(consumer) == _requestChannel, -1);
        return random.Next(8) switch
        {
            0 when running >= 0 => new Command($"await k{running}.CancelAsync();", r => r.CancelAsync(running)),
            1 => Simple(_requestChannel, "CloseAsync()", static async (c, _) => await c.CloseAsync()),
            < 4 when running < 0 || random.Next(10) == 0 => ConsumeReplies(),
            _ => Request(Pick(EngineRun.Queues)),
        };
    }

    private Command ConsumeReplies()
    {
        int id = _consumers++;
        int channel = _requestChannel;
        ConsumerOptions options = new() { ConsumerTag = string.Create(CultureInfo.InvariantCulture, $"t{id}"), AutoAck = random.Next(10) != 0 };
        return new Command(
            $"k{id} = await c{channel}.StartConsumerAsync(\"{EngineRun.ReplyTo}\", new ConsumerOptions {{ ConsumerTag = \"{options.ConsumerTag}\", AutoAck = {(options.AutoAck ? "true" : "false")} }});",
            r => r.ConsumeAsync(id, channel, EngineRun.ReplyTo, options));
    }

    private Command Request(string queue)
    {
        string body = string.Create(CultureInfo.InvariantCulture, $"m{++_messages}");
        return Call(
            _requestChannel,
            $"TryPublishAsync(\"\", \"{queue}\", Message.Text(\"{body}\", new MessageProperties {{ ReplyTo = \"{EngineRun.ReplyTo}\" }}))",
            async (c, r) =>
            {
                PublishResult result = await c.TryPublishAsync("", r.Name(queue), Message.Text(body, new MessageProperties { ReplyTo = EngineRun.ReplyTo }));
                return $"{result.Outcome} {result.SequenceNumber}";
            });
    }

    // Not mandatory: a server before 4.2 returns every such reply, also one that it has delivered.
    private Command Reply(int channel, string request)
    {
        string body = string.Create(CultureInfo.InvariantCulture, $"m{++_messages}");
        return Call(
            channel,
            $"TryPublishAsync(\"\", /* the address in {request} */ \"\", Message.Text(\"{body}\"))",
            async (c, r) =>
            {
                PublishResult result = await c.TryPublishAsync("", r.AddressIn(request), Message.Text(body));
                return $"{result.Outcome} {result.SequenceNumber}";
            });
    }
}
