using System.Text;

namespace EmbeddedMq.Compliance.Restart;

/// <summary>Each state, scripted, is the same after a stop in order and a start as it would have been without them.</summary>
public sealed class RestartTests
{
    private static readonly string[] ExchangeTypes =
    [
        ExchangeType.Direct, ExchangeType.Fanout, ExchangeType.Topic, ExchangeType.Headers, ExchangeType.ConsistentHash, ExchangeType.Random, ExchangeType.LocalRandom,
    ];

    private static readonly Dictionary<string, Func<TwinBrokers, Task>> States = new()
    {
        ["exchanges of all kinds"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            foreach (string type in ExchangeTypes)
            {
                await channel.DeclareExchangeAsync($"kept-{type}", type, static e => e.Durable().AlternateExchange("other").WithArgument("x-own", HeaderTable.Of("a", 1)));
                await channel.DeclareExchangeAsync($"lost-{type}", type);
                await channel.DeclareExchangeAsync($"internal-{type}", type, static e => e.Durable().Internal());
                await channel.DeclareExchangeAsync($"auto-{type}", type, static e => e.Durable().AutoDelete());
                await channel.DeclareExchangeAsync($"deleted-{type}", type, static e => e.Durable());
                await channel.DeleteExchangeAsync($"deleted-{type}");
            }

            await channel.DeclareExchangeAsync("delayed", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Topic));
        }),
        ["bindings of all kinds"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            foreach (string type in ExchangeTypes)
            {
                bool isRandom = type is ExchangeType.Random or ExchangeType.LocalRandom; // takes the empty key only
                await channel.DeclareExchangeAsync(type, type, static e => e.Durable());
                await channel.DeclareQueueAsync($"q-{type}", static q => q.Durable());
                await channel.DeclareQueueAsync($"memory-{type}");
                await channel.BindQueueAsync($"q-{type}", type, isRandom ? "" : "3", HeaderTable.Of("a", 1).With("x-match", "any"));
                await channel.BindQueueAsync($"q-{type}", type, isRandom ? "" : "3", HeaderTable.Of("a", "1"));
                await channel.BindQueueAsync($"memory-{type}", type, isRandom ? "" : "4");
                await channel.BindQueueAsync($"q-{type}", type, isRandom ? "" : "5");
                await channel.UnbindQueueAsync($"q-{type}", type, isRandom ? "" : "5");
                await channel.BindExchangeAsync(type, "amq.topic", "a.#");
                if (type != ExchangeType.LocalRandom) // which takes queues only
                {
                    await channel.BindExchangeAsync("amq.fanout", type, isRandom ? "" : "6");
                }
            }
        }),
        ["policies"] = static twins => twins.DoAsync(static async (stored, channel) =>
        {
            IBrokerManagement management = stored.Broker.Management;
            await management.SetPolicyAsync("/", new Policy("low", "^q", HeaderTable.Of("message-ttl", 50_000)));
            await management.SetPolicyAsync("/", new Policy("high", "^q1", HeaderTable.Of("max-length", 2).With("dead-letter-exchange", "").With("dead-letter-routing-key", "dead")) { Priority = 7, ApplyTo = PolicyTarget.Queues });
            await management.SetPolicyAsync("/", new Policy("alternate", "^x", HeaderTable.Of("alternate-exchange", "amq.fanout")) { ApplyTo = PolicyTarget.Exchanges });
            await management.SetPolicyAsync("/", new Policy("gone", ".*", HeaderTable.Of("max-length", 1)));
            await management.DeletePolicyAsync("/", "gone");
            await channel.DeclareExchangeAsync("x", ExchangeType.Direct, static e => e.Durable());
            foreach (string queue in (string[])["q0", "q1", "dead", "unrouted"])
            {
                await channel.DeclareQueueAsync(queue, static q => q.Durable());
                await SendAsync(channel, queue, 3);
            }

            await channel.BindQueueAsync("unrouted", "amq.fanout", "");
            await channel.PublishAsync("x", "nowhere", Text("stray"));
        }),
        ["virtual hosts"] = static twins => twins.DoAsync(static async (stored, _) =>
        {
            foreach (string host in (string[])["one", "two", "gone"])
            {
                await stored.Broker.Management.CreateVirtualHostAsync(host);
                await stored.Broker.Management.SetPolicyAsync(host, new Policy("p", "q", HeaderTable.Of("max-length", 2)));
                await using IConnection connection = await stored.Broker.ConnectAsync(new ConnectionOptions { VirtualHost = host });
                IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
                await channel.DeclareQueueAsync("q", static q => q.Durable());
                await channel.BindQueueAsync("q", "amq.topic", "#");
                await SendAsync(channel, "q", 3);
            }

            await stored.Broker.Management.DeleteVirtualHostAsync("gone");
        }),
        ["a virtual host deleted and made again"] = static twins => twins.DoAsync(static async (stored, _) =>
        {
            for (int i = 0; i < 2; i++)
            {
                await stored.Broker.Management.CreateVirtualHostAsync("again");
                await using IConnection connection = await stored.Broker.ConnectAsync(new ConnectionOptions { VirtualHost = "again" });
                IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
                await channel.DeclareQueueAsync($"q{i}", static q => q.Durable());
                await channel.DeclareQueueAsync("both", static q => q.Durable());
                await SendAsync(channel, $"q{i}", 2);
                await SendAsync(channel, "both", 1 + i);
                if (i == 0)
                {
                    await stored.Broker.Management.DeleteVirtualHostAsync("again");
                }
            }
        }),
        ["queues with every argument"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            await channel.DeclareQueueAsync("all", static q => q.Durable().WithMessageTtl(TimeSpan.FromSeconds(60)).ExpiresAfter(TimeSpan.FromHours(9)).MaxLength(5).MaxLengthBytes(9_000)
                .DeadLetterTo("amq.direct", "key").WithMaxPriority(9).SingleActiveConsumer().WithArgument("x-queue-type", "classic").WithArgument("x-queue-mode", "lazy").WithArgument("x-unknown", true));
            await channel.DeclareQueueAsync("reject", static q => q.Durable().MaxLength(5, Overflow.RejectPublish));
            await channel.DeclareQueueAsync("reject-dlx", static q => q.Durable().MaxLength(5, Overflow.RejectPublishDeadLetter).DeadLetterTo("dead"));
            await channel.DeclareQueueAsync("quorum", static q => q.Durable().WithArgument("x-queue-type", "quorum").WithDeliveryLimit(3));
            await channel.DeclareQueueAsync("auto", static q => q.Durable().AutoDelete());
            await channel.DeclareQueueAsync("exclusive", static q => q.Durable().Exclusive());
            await channel.DeclareQueueAsync("dead", static q => q.Durable());
            foreach (string queue in (string[])["all", "reject", "reject-dlx", "quorum", "auto", "exclusive"])
            {
                for (int i = 0; i < 8; i++)
                {
                    await channel.TryPublishAsync("", queue, Text($"{i}"));
                }
            }
        }),
        ["priorities"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            await channel.DeclareQueueAsync("q", static q => q.Durable().WithMaxPriority(5));
            for (int i = 0; i < 40; i++)
            {
                await channel.PublishAsync("", "q", Text($"{i}", p => i % 9 == 8 ? p : p with { Priority = (byte)(i % 8) }));
            }

            for (int i = 0; i < 5; i++)
            {
                await channel.GetAsync("q", autoAck: i % 2 == 0);
            }
        }),
        ["times to live"] = static async twins =>
        {
            await twins.DoAsync(static async (_, channel) =>
            {
                await channel.DeclareQueueAsync("expired", static q => q.Durable());
                await channel.DeclareQueueAsync("each", static q => q.Durable().DeadLetterTo("expired"));
                await channel.DeclareQueueAsync("all", static q => q.Durable().WithMessageTtl(TimeSpan.FromSeconds(20)).DeadLetterTo("expired"));
            });
            for (int i = 0; i < 6; i++)
            {
                await twins.DoAsync(async (_, channel) =>
                {
                    await channel.PublishAsync("", "each", Text($"each {i}", p => p.WithTimeToLive(TimeSpan.FromSeconds(10 * i))));
                    await channel.PublishAsync("", "all", Text($"all {i}", p => i % 2 == 0 ? p : p.WithTimeToLive(TimeSpan.FromSeconds(8))));
                });
                twins.Advance(TimeSpan.FromSeconds(3));
            }
        },
        ["deaths of all kinds"] = static async twins =>
        {
            await twins.DoAsync(static async (_, channel) =>
            {
                await channel.DeclareQueueAsync("dead", static q => q.Durable().DeadLetterTo("again").WithMessageTtl(TimeSpan.FromSeconds(10)));
                await channel.DeclareQueueAsync("again", static q => q.Durable().DeadLetterTo("dead"));
                await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead").MaxLength(4));
                await channel.DeclareQueueAsync("limit", static q => q.Durable().WithArgument("x-queue-type", "quorum").WithDeliveryLimit(1).DeadLetterTo("dead"));
                await SendAsync(channel, "q", 6);
                await SendAsync(channel, "limit", 2);
                await channel.RejectAsync((await channel.GetAsync("q"))!.Delivery.DeliveryTag);
                for (int i = 0; i < 2; i++)
                {
                    await channel.NackAsync((await channel.GetAsync("limit"))!.Delivery.DeliveryTag);
                }
            });
            twins.Advance(TimeSpan.FromSeconds(11));
            await twins.DoAsync(static async (_, channel) => await channel.RejectAsync((await channel.GetAsync("again"))!.Delivery.DeliveryTag));
        },
        ["delayed messages"] = static async twins =>
        {
            await twins.DoAsync(static async (_, channel) =>
            {
                foreach (string exchange in (string[])["later", "deleted", "memory"])
                {
                    await channel.DeclareExchangeAsync(exchange, ExchangeType.Delayed, e => (exchange == "memory" ? e : e.Durable()).WithArgument("x-delayed-type", ExchangeType.Topic));
                    await channel.DeclareQueueAsync(exchange == "memory" ? "fleeting" : $"q-{exchange}", static q => q.Durable().WithMaxPriority(3));
                }

                await channel.BindQueueAsync("q-later", "later", "a.#");
                await channel.BindQueueAsync("q-deleted", "deleted", "#");
                for (int i = 0; i < 12; i++)
                {
                    await channel.PublishAsync("later", "a.b", Text($"{i}", p => (p with { Priority = (byte)(i % 3) }).WithHeader("x-delay", i * i * 500)));
                    await channel.PublishAsync("deleted", "a.b", Text($"{i}", p => p.WithHeader("x-delay", 4_000)));
                }

                await channel.DeleteExchangeAsync("deleted");
            });
            twins.Advance(TimeSpan.FromSeconds(3));
        },
        ["partly settled"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            await channel.DeclareQueueAsync("dead", static q => q.Durable());
            await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
            await SendAsync(channel, "q", 40);
            for (int i = 0; i < 30; i++)
            {
                ulong tag = (await channel.GetAsync("q"))!.Delivery.DeliveryTag;
                await ((i % 5) switch
                {
                    0 => channel.AckAsync(tag).AsTask(),
                    1 => channel.RejectAsync(tag).AsTask(),
                    2 => channel.NackAsync(tag).AsTask(),
                    3 when i > 20 => channel.AckAsync(tag, multiple: true).AsTask(),
                    _ => Task.CompletedTask,
                });
            }
        }),
        ["delivery counts"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            await channel.DeclareQueueAsync("q", static q => q.Durable().WithArgument("x-queue-type", "quorum").WithDeliveryLimit(9));
            await SendAsync(channel, "q", 6);
            for (int round = 0; round < 3; round++)
            {
                for (int i = 0; i < 6; i++)
                {
                    GetResult got = (await channel.GetAsync("q"))!;
                    if (i >= round)
                    {
                        await channel.NackAsync(got.Delivery.DeliveryTag);
                        break;
                    }
                }
            }
        }),
        ["transactions"] = static twins => twins.DoAsync(
            static async (_, channel) =>
            {
                await channel.DeclareQueueAsync("in", static q => q.Durable());
                await channel.DeclareQueueAsync("out", static q => q.Durable());
                for (int i = 0; i < 6; i++)
                {
                    await channel.PublishAsync("", "in", Text($"{i}"));
                }

                await channel.CommitTransactionAsync();
                for (int i = 0; i < 4; i++)
                {
                    await channel.AckAsync((await channel.GetAsync("in"))!.Delivery.DeliveryTag);
                    await channel.PublishAsync("", "out", Text($"{i}"));
                    if (i == 2)
                    {
                        await channel.RollbackTransactionAsync();
                    }
                    else if (i < 2)
                    {
                        await channel.CommitTransactionAsync();
                    }
                }
            },
            ChannelMode.Transactional),
        ["transient among persistent"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            await channel.DeclareQueueAsync("q", static q => q.Durable());
            await channel.DeclareQueueAsync("memory");
            for (int i = 0; i < 10; i++)
            {
                await channel.PublishAsync("", "q", i % 2 == 0 ? Text($"{i}") : Message.Text($"transient {i}"));
                await channel.PublishAsync("", "memory", Text($"{i}"));
            }
        }),
        ["all properties and header types"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            await channel.DeclareQueueAsync("q", static q => q.Durable());
            await channel.PublishAsync("", "q", new Message(Encoding.UTF8.GetBytes("häß"), new MessageProperties
            {
                DeliveryMode = DeliveryMode.Persistent,
                AppId = "app",
                ClusterId = "cluster",
                ContentEncoding = "gzip",
                ContentType = "text/plain",
                CorrelationId = "c",
                Expiration = "4000000",
                MessageId = "m",
                Priority = 255,
                ReplyTo = "r",
                Timestamp = DateTimeOffset.FromUnixTimeSeconds(1_900_000_000),
                Type = "t",
                Headers = HeaderTable.Of("null", null).With("bool", true).With("sbyte", (sbyte)-1).With("byte", (byte)1).With("short", (short)-2).With("ushort", (ushort)2)
                    .With("int", -3).With("uint", 3u).With("long", -4L).With("float", 1.5f).With("double", 2.5).With("decimal", 12.34m).With("text", "ü").With("bytes", new byte[] { 1, 2 })
                    .With("time", DateTimeOffset.FromUnixTimeSeconds(5)).With("list", new object?[] { 1, "a", null }).With("table", HeaderTable.Of("deep", HeaderTable.Of("deeper", 1))),
            }));
            byte[] large = new byte[9_000_000];
            new Random(1).NextBytes(large);
            await channel.PublishAsync("", "q", new Message(large, MessageProperties.Persistent));
            await channel.PublishAsync("", "q", new Message(Array.Empty<byte>(), MessageProperties.Persistent));
        }),
        ["purged, deleted, made again"] = static twins => twins.DoAsync(static async (_, channel) =>
        {
            foreach (string queue in (string[])["purged", "deleted", "again"])
            {
                await channel.DeclareQueueAsync(queue, static q => q.Durable());
                await channel.BindQueueAsync(queue, "amq.fanout", "");
                await SendAsync(channel, queue, 5);
            }

            await channel.PublishAsync("amq.fanout", "", Text("to all"));
            await channel.PurgeQueueAsync("purged");
            await channel.DeleteQueueAsync("deleted");
            await channel.DeleteQueueAsync("again");
            await channel.DeclareQueueAsync("again", static q => q.Durable().WithMaxPriority(2));
            await channel.PublishAsync("amq.fanout", "", Text("to the rest"));
        }),
        ["a queue beyond its limits"] = static twins => twins.DoAsync(static async (stored, channel) =>
        {
            await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
            await channel.DeclareQueueAsync("dead", static q => q.Durable());
            await SendAsync(channel, "q", 9);
            await stored.Broker.Management.SetPolicyAsync("/", new Policy("short", "^q$", HeaderTable.Of("max-length", 4)));
            await SendAsync(channel, "q", 2);
        }),
    };

    public static TheoryData<string, bool> Names
    {
        get
        {
            TheoryData<string, bool> names = [];
            foreach (string name in States.Keys)
            {
                names.Add(name, false);
                names.Add(name, true);
            }

            return names;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task State_Restarted_IsTheSame(string name, bool isPagedOut)
    {
        await using TwinBrokers twins = await TwinBrokers.StartAsync(options => options.BacklogMemoryBytes = isPagedOut ? 1 : options.BacklogMemoryBytes);
        await States[name](twins);

        for (int restart = 0; restart < 3; restart++)
        {
            await twins.RestartAsync(TimeSpan.FromSeconds(1));
        }

        await twins.SameStateAsync(name);
    }

    [Fact]
    public async Task Routes_Restarted_LeadWhereTheyLed()
    {
        await using TwinBrokers twins = await TwinBrokers.StartAsync();
        await States["bindings of all kinds"](twins);
        await twins.RestartAsync();
        await twins.DoAsync(static async (_, channel) =>
        {
            foreach (string type in ExchangeTypes)
            {
                await channel.DeleteQueueAsync($"memory-{type}"); // the steady broker still has them, and hashes to them
            }

            await channel.DeleteExchangeAsync(ExchangeType.Random);
            await channel.DeleteExchangeAsync(ExchangeType.LocalRandom); // what they choose is not kept
            foreach (string exchange in ExchangeTypes.Except([ExchangeType.Random, ExchangeType.LocalRandom]).Append("amq.topic"))
            {
                foreach (string key in (string[])["3", "4", "5", "6", "a.b"])
                {
                    await channel.PublishAsync(exchange, key, Text($"{exchange} {key}", static p => p.WithHeader("a", 1)));
                }
            }
        });
        await twins.SameStateAsync();
    }

    [Fact]
    public async Task DeliveryLimit_Restarted_EndsAfterAsManyFailures()
    {
        await using TwinBrokers twins = await TwinBrokers.StartAsync();
        await twins.DoAsync(static async (_, channel) =>
        {
            await channel.DeclareQueueAsync("dead", static q => q.Durable());
            await channel.DeclareQueueAsync("q", static q => q.Durable().WithArgument("x-queue-type", "quorum").WithDeliveryLimit(4).DeadLetterTo("dead"));
            await SendAsync(channel, "q", 1);
        });
        for (int failure = 0; failure < 6; failure++)
        {
            await twins.SameAsync(
                static async (_, channel) =>
                {
                    Delivery? delivery = (await channel.GetAsync("q"))?.Delivery;
                    await (delivery is { } got ? channel.NackAsync(got.DeliveryTag) : ValueTask.CompletedTask);
                    return $"{delivery?.DeliveryCount} {delivery?.Redelivered} dead {(await channel.DeclareQueuePassiveAsync("dead")).MessageCount}";
                },
                $"failure {failure}");
            await twins.RestartAsync();
        }

        await twins.SameStateAsync();
    }

    private static Message Text(string text, Func<MessageProperties, MessageProperties>? configure = null)
        => Message.Text(text, configure?.Invoke(MessageProperties.Persistent) ?? MessageProperties.Persistent);

    private static async Task SendAsync(IChannel channel, string queue, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await channel.PublishAsync("", queue, Text($"{i}"));
        }
    }
}
