using System.Globalization;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Compliance.Restart;

/// <summary>Random scripts on two brokers of which one is stopped and started again and again: every answer is the same.</summary>
public sealed class RandomRestartTests
{
    private const int Steps = 120;

    private static readonly string[] Queues = ["plain", "short", "prio", "ttl", "quorum"];

    // Nobody uses these before the end, and their order does not count: what dies in several queues, or by several causes, dies in no order among
    // them. A message that was rejected is dead at once; one that has expired, and is on disk since a restart, when it has been read.
    private static readonly string[] DeadLetterQueues = ["dead-plain", "dead-short", "dead-prio", "dead-ttl", "dead-quorum"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Script_WithRestarts_AnswersAsWithoutThem(bool isPagedOut)
    {
        int first = Seeds.Pick(1);
        for (int seed = first; seed < first + Seeds.ScriptCount(12); seed++)
        {
            Random random = Seeds.Generator(seed);
            await using TwinBrokers twins = await TwinBrokers.StartAsync(options => options.BacklogMemoryBytes = isPagedOut ? 1 : options.BacklogMemoryBytes);
            await twins.DoAsync(static (_, channel) => DeclareAsync(channel));
            List<string> script = [];
            for (int i = 0; i < Steps; i++)
            {
                string queue = Queues[random.Next(Queues.Length)];
                int roll = random.Next(100);
                int more = random.Next(1 << 20);
                script.Add(string.Create(CultureInfo.InvariantCulture, $"{i}: {queue} {roll} {more}"));
                string circumstances = $"Seed {seed}, paged out {isPagedOut}, after {string.Join("; ", script.TakeLast(20))}";
                if (roll < 4)
                {
                    await twins.RestartAsync(); // for no time: what expires meanwhile in several queues dies in no order among them
                }
                else if (roll < 10)
                {
                    twins.Advance(TimeSpan.FromSeconds(more % 5));
                }
                else
                {
                    await twins.SameAsync((_, channel) => StepAsync(channel, queue, roll, more, i), circumstances);
                }
            }

            await twins.RestartAsync();
            await twins.SameStateAsync($"Seed {seed}, paged out {isPagedOut}, at the end of {string.Join("; ", script)}", unordered: DeadLetterQueues);
        }
    }

    private static async Task DeclareAsync(IChannel channel)
    {
        foreach (string queue in Queues.Concat(DeadLetterQueues))
        {
            await channel.DeclareQueueAsync(queue, declaration => queue switch
            {
                "plain" => declaration.Durable().DeadLetterTo("dead-plain"),
                "short" => declaration.Durable().MaxLength(6).DeadLetterTo("amq.fanout", null),
                "prio" => declaration.Durable().WithMaxPriority(3).DeadLetterTo("dead-prio"),
                "ttl" => declaration.Durable().WithMessageTtl(TimeSpan.FromSeconds(7)).DeadLetterTo("dead-ttl"),
                "quorum" => declaration.Durable().WithArgument("x-queue-type", "quorum").WithDeliveryLimit(2).DeadLetterTo("dead-quorum"),
                _ => declaration.Durable(),
            });
        }

        await channel.DeclareExchangeAsync("later", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout));
        await channel.BindQueueAsync("plain", "later", "");
        await channel.BindQueueAsync("prio", "later", "");
        await channel.BindQueueAsync("dead-short", "amq.fanout", "");
        await channel.BindQueueAsync("short", "amq.topic", "*.a");
        await channel.BindQueueAsync("quorum", "amq.topic", "#");
    }

    // A channel of its own for each step: what it has not settled at the end goes back.
    private static async Task<string> StepAsync(IChannel channel, string queue, int roll, int more, int number)
    {
        MessageProperties properties = MessageProperties.Persistent with { Priority = (byte)(more % 5) };
        if (more % 7 == 0)
        {
            properties = properties.WithTimeToLive(TimeSpan.FromSeconds(more % 11));
        }

        Message message = Message.Text($"{number}", properties);
        switch (roll)
        {
            case < 45:
                await channel.PublishAsync("", queue, message);
                return "published";
            case < 50:
                await channel.PublishAsync("amq.topic", $"{queue}.a", message);
                return "published to several";
            case < 56:
                await channel.PublishAsync("later", "", Message.Text($"{number}", properties.WithHeader("x-delay", more % 12_000)));
                return "delayed";
            case < 58:
                return $"purged {await channel.PurgeQueueAsync(queue)}";
            case < 60:
                await channel.DeleteQueueAsync(queue);
                await DeclareAsync(channel);
                return "deleted and declared";
        }

        List<string> seen = [];
        for (int i = 0; i <= more % 4 && await channel.GetAsync(queue) is { } got; i++)
        {
            ulong tag = got.Delivery.DeliveryTag;
            seen.Add($"{got.Delivery.Message.GetText()} {got.Delivery.Redelivered} {got.Delivery.DeliveryCount} {got.Delivery.Deaths.Sum(static death => death.Count)}");
            await (((more >> (2 * i)) % 5) switch
            {
                0 or 1 => channel.AckAsync(tag).AsTask(),
                2 => channel.RejectAsync(tag).AsTask(),
                3 => channel.NackAsync(tag).AsTask(),
                _ => Task.CompletedTask,
            });
        }

        await channel.CloseAsync();
        return string.Join(" | ", seen);
    }
}
