using System.Collections.Concurrent;
using System.Globalization;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Model.Tests.Stress;

/// <summary>Many publishers, consumers, refusals, requeues, expiries and closes at once, and an exact account at the end.</summary>
public sealed class StressTests(ITestOutputHelper output)
{
    private const int UsualSeconds = 10;
    private const string Dead = "dead";
    private const string Fanout = "fanout";

    /// <summary>Every queue that takes messages from publishers; each has one way to lose or turn away a message, and says so in its totals.</summary>
    private static readonly QueueDeclaration[] Queues =
    [
        new("plain"),
        new QueueDeclaration("priority").WithMaxPriority(3),
        new QueueDeclaration("drops").MaxLength(40),
        new QueueDeclaration("drops-to-dead").MaxLength(40).DeadLetterTo(Dead),
        new QueueDeclaration("refuses").MaxLength(40, Overflow.RejectPublish),
        new QueueDeclaration("refuses-to-dead").MaxLength(40, Overflow.RejectPublishDeadLetter).DeadLetterTo(Dead),
        new QueueDeclaration("waits").MaxLength(20, Overflow.BlockPublisher).DeadLetterTo(Dead),
        new QueueDeclaration("expires").WithMessageTtl(TimeSpan.FromMilliseconds(30)).DeadLetterTo(Dead),
        new QueueDeclaration("limited").WithDeliveryLimit(2).DeadLetterTo(Dead),
    ];

    [Fact]
    public async Task Broker_EverythingAtOnce_AccountsForEveryMessage()
    {
        int seed = Seeds.Pick(3);
        output.WriteLine($"Seed {seed}.");
        await using BrokerFixture broker = await BrokerFixture.StartAsync();
        IChannel setup = await broker.OpenChannelAsync();
        await setup.DeclareQueueAsync(Dead);
        await setup.DeclareExchangeAsync(Fanout, ExchangeType.Fanout);
        foreach (QueueDeclaration queue in Queues)
        {
            await setup.DeclareQueueAsync(queue);
        }

        await setup.BindQueueAsync("plain", Fanout, "");
        await setup.BindQueueAsync("priority", Fanout, "");
        await setup.BindQueueAsync("expires", Fanout, "");

        StressLedger ledger = new();
        using CancellationTokenSource publishing = new(Seeds.StressDuration(UsualSeconds));
        using CancellationTokenSource consuming = new();
        ConcurrentDictionary<int, IConnection> victims = new();
        List<Task> publishers = [];
        for (int i = 0; i < 4; i++)
        {
            int number = i;
            publishers.Add(Task.Run(() => PublishAsync(broker.Broker, ledger, number, Seeds.Generator(seed, number), isVictim: number == 3, victims, publishing.Token)));
        }

        List<Task> consumers = [];
        for (int i = 0; i < 2 * Queues.Length; i++)
        {
            int number = i;
            consumers.Add(Task.Run(() => ConsumeAsync(
                broker.Broker, ledger, Queues[number % Queues.Length].Name, Seeds.Generator(seed, 100 + number), victims, number, consuming.Token)));
        }

        consumers.Add(Task.Run(() => DisturbAsync(broker, victims, Seeds.Generator(seed, 1_000), consuming.Token)));
        await Task.WhenAll(publishers);
        await consuming.CancelAsync();
        await Task.WhenAll(consumers);
        await AccountAsync(broker, ledger);
    }

    /// <summary>Publishes until told to stop. One publisher's connections are closed under it, so that its last publish may be of unknown outcome.</summary>
    private static async Task PublishAsync(
        IBroker broker, StressLedger ledger, int number, Random random, bool isVictim, ConcurrentDictionary<int, IConnection> victims, CancellationToken stop)
    {
        int sequence = 0;
        while (!stop.IsCancellationRequested)
        {
            await using IConnection connection = await broker.ConnectAsync(cancellationToken: CancellationToken.None);
            if (isVictim)
            {
                victims[-1 - number] = connection;
            }

            try
            {
                IChannel channel = await connection.OpenChannelAsync(cancellationToken: CancellationToken.None);
                while (!stop.IsCancellationRequested)
                {
                    string id = string.Create(CultureInfo.InvariantCulture, $"p{number}-{++sequence}");
                    await PublishOneAsync(channel, ledger, id, random);
                    if (random.Next(50) == 0)
                    {
                        await Task.Yield();
                    }
                }
            }
            catch (EmbeddedMqException) when (isVictim)
            {
                // Closed by the disturber: begin again on a new connection.
            }
        }
    }

    private static async Task PublishOneAsync(IChannel channel, StressLedger ledger, string id, Random random)
    {
        bool toAll = random.Next(20) == 0;
        string queue = Queues[random.Next(Queues.Length)].Name;
        string[] targets = toAll ? ["plain", "priority", "expires"] : [queue];
        Message message = Message.Text(id, new MessageProperties { Priority = (byte)random.Next(5) });
        try
        {
            PublishResult result = await channel.TryPublishAsync(toAll ? Fanout : "", toAll ? "" : queue, message, PublishFlags.Mandatory);
            if (result.Outcome == PublishOutcome.Returned)
            {
                ledger.Violate($"{id} came back as unroutable, but its queue exists.");
            }

            foreach (string target in targets)
            {
                (result.IsConfirmed ? ledger.Confirmed : ledger.Refused)[(target, id)] = 0;
            }
        }
        catch (EmbeddedMqException)
        {
            foreach (string target in targets)
            {
                ledger.Unknown[(target, id)] = 0;
            }

            throw;
        }
    }

    /// <summary>Consumes a queue in turns of random length, settles in every way, and leaves each turn in another way.</summary>
    private static async Task ConsumeAsync(
        IBroker broker, StressLedger ledger, string queue, Random random, ConcurrentDictionary<int, IConnection> victims, int number, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await using IConnection connection = await broker.ConnectAsync(cancellationToken: CancellationToken.None);
            victims[number] = connection;
            try
            {
                IChannel channel = await connection.OpenChannelAsync(cancellationToken: CancellationToken.None);
                bool autoAck = random.Next(4) == 0;
                ConsumerOptions options = new() { PrefetchCount = random.Next(1, 20), AutoAck = autoAck, Priority = random.Next(2) };
                IConsumer consumer = await channel.StartConsumerAsync(queue, options, CancellationToken.None);
                int turn = random.Next(1, 400);
                await foreach (Delivery delivery in consumer.ReadAllAsync(stop))
                {
                    ledger.Receive(channel, queue, delivery);
                    if (autoAck)
                    {
                        ledger.Settle(queue, delivery.Message.GetText(), acked: true);
                    }
                    else
                    {
                        await SettleAsync(channel, ledger, queue, delivery, random);
                    }

                    if (--turn == 0)
                    {
                        break;
                    }
                }

                await LeaveAsync(channel, consumer, random);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Told to stop; what was not settled goes back with the connection.
            }
            catch (EmbeddedMqException)
            {
                // Closed by the disturber.
            }
        }
    }

    private static async Task SettleAsync(IChannel channel, StressLedger ledger, string queue, Delivery delivery, Random random)
    {
        string id = delivery.Message.GetText();
        switch (random.Next(10))
        {
            case 0:
                await channel.NackAsync(delivery.DeliveryTag, requeue: true);
                break;
            case 1:
                await channel.RejectAsync(delivery.DeliveryTag, requeue: true);
                break;
            case 2:
                await channel.RejectAsync(delivery.DeliveryTag, requeue: false);
                ledger.Settle(queue, id, acked: false);
                break;
            case 3:
                // Left unsettled: it goes back when the channel closes.
                break;
            default:
                await channel.AckAsync(delivery.DeliveryTag);
                ledger.Settle(queue, id, acked: true);
                break;
        }
    }

    private static async Task LeaveAsync(IChannel channel, IConsumer consumer, Random random)
    {
        switch (random.Next(4))
        {
            case 0:
                await consumer.DisposeAsync();
                break;
            case 1:
                await consumer.CancelAsync();
                break;
            case 2:
                await channel.RecoverAsync();
                break;
            default:
                await channel.CloseAsync();
                break;
        }
    }

    /// <summary>Closes connections under their owners, changes a policy, and moves the clock.</summary>
    private static async Task DisturbAsync(BrokerFixture broker, ConcurrentDictionary<int, IConnection> victims, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await broker.AdvanceAsync(TimeSpan.FromMilliseconds(1));
            await TogglePolicyAsync(broker.Broker.Management, random);
            if (random.Next(20) == 0 && victims.Keys.ToArray() is { Length: > 0 } keys && victims.TryRemove(keys[random.Next(keys.Length)], out IConnection? victim))
            {
                await victim.CloseAsync(ReplyCode.ConnectionForced, "disturbed", CancellationToken.None);
            }

            // Lets the others work: a closed connection now and then, not a storm of them.
            for (int i = 0; i < 200 && !stop.IsCancellationRequested; i++)
            {
                await Task.Yield();
            }
        }
    }

    /// <summary>Gives one queue a limit and takes it away again.</summary>
    private static async Task TogglePolicyAsync(IBrokerManagement management, Random random)
    {
        switch (random.Next(20))
        {
            case 0:
                await management.SetPolicyAsync("/", new Policy("cap", "^priority$", HeaderTable.Of("max-length", 500)), CancellationToken.None);
                break;
            case 1:
                await management.DeletePolicyAsync("/", "cap", CancellationToken.None);
                break;
        }
    }

    private async Task AccountAsync(BrokerFixture broker, StressLedger ledger)
    {
        Dictionary<string, QueueDescription> before = (await broker.Broker.Management.ListQueuesAsync("/")).ToDictionary(static q => q.Name);
        long settled = 0;
        HashSet<(string Queue, string Id)> dead = await ReadDeadAsync(broker);
        foreach (QueueDeclaration declaration in Queues)
        {
            QueueDescription queue = before[declaration.Name];
            string name = declaration.Name;
            output.WriteLine($"{name}: enqueued {queue.EnqueuedTotal}, acked {queue.AckedTotal}, requeued {queue.RequeuedTotal}, dead-lettered {queue.DeadLetteredTotal}, "
                + $"dropped {queue.DroppedTotal}, refused {queue.RejectedPublishTotal}, left {queue.ReadyCount}");

            // The broker's own books balance, and nothing is still handed over now that every connection has gone.
            Assert.Equal(0, queue.UnackedCount);
            Assert.Equal(0, queue.WaitingPublishCount);
            Assert.Equal(queue.EnqueuedTotal, queue.AckedTotal + queue.DeadLetteredTotal + queue.DroppedTotal + queue.PurgedTotal + queue.ReadyCount);

            // They agree with what the applications saw.
            int confirmed = ledger.Confirmed.Keys.Count(k => k.Queue == name);
            int unknown = ledger.Unknown.Keys.Count(k => k.Queue == name);

            // What reject-publish-dlx refuses dies in the queue: it counts as having come and gone.
            long refusedToDead = declaration.Arguments.GetValueOrDefault(QueueArgument.Overflow) is "reject-publish-dlx" ? queue.RejectedPublishTotal : 0;
            Assert.InRange(queue.EnqueuedTotal - refusedToDead, confirmed, confirmed + unknown);
            Assert.Equal(ledger.Acked.Keys.Count(k => k.Queue == name), queue.AckedTotal);
            int rejected = ledger.Rejected.Keys.Count(k => k.Queue == name);
            Assert.InRange(rejected, 0, queue.DeadLetteredTotal + queue.DroppedTotal);

            // Message by message: what was confirmed was settled, is dead, or is still there; only a queue that says so drops.
            HashSet<string> left = [.. await broker.DrainAsync(name)];
            Assert.Equal(queue.ReadyCount, left.Count);
            string[] missing = [.. ledger.Confirmed.Keys
                .Where(k => k.Queue == name && !ledger.Acked.ContainsKey(k) && !ledger.Rejected.ContainsKey(k) && !dead.Contains(k) && !left.Contains(k.Id))
                .Select(static k => k.Id)];
            long dropped = queue.DroppedTotal - (declaration.Arguments.ContainsKey(QueueArgument.DeadLetterExchange) ? 0 : rejected);
            Assert.True(missing.Length <= dropped, $"'{name}' dropped {dropped} by policy, but {missing.Length} confirmed messages are nowhere: {string.Join(", ", missing.Take(20))} …");
            Assert.InRange(missing.Length, dropped - unknown, dropped);
            Assert.Equal(queue.DeadLetteredTotal, dead.Count(k => k.Queue == name));
            Assert.DoesNotContain(left, id => ledger.Acked.ContainsKey((name, id)) || ledger.Rejected.ContainsKey((name, id)));
            settled += queue.AckedTotal;
        }

        Assert.Empty(ledger.Violations);
        Assert.True(settled > 1_000, $"Only {settled} messages were processed: that is no stress.");
    }

    /// <summary>The dead, by the queue in which they died first.</summary>
    private static async Task<HashSet<(string Queue, string Id)>> ReadDeadAsync(BrokerFixture broker)
    {
        HashSet<(string Queue, string Id)> dead = [];
        QueueDescription queue = await broker.DescribeAsync(Dead);
        for (long i = 0; i < queue.ReadyCount; i++)
        {
            Delivery delivery = await broker.NextDeliveryAsync(Dead);
            Death death = Assert.Single(delivery.Deaths);
            Assert.True(dead.Add((death.Queue, delivery.Message.GetText())), $"{delivery.Message.GetText()} died twice in '{death.Queue}'.");
        }

        return dead;
    }

    [Fact]
    public async Task Consumer_ManyPublishersNoRequeue_KeepsEachPublishersOrder()
    {
        const int Publishers = 4;
        const int MessagesEach = 20_000;
        await using BrokerFixture broker = await BrokerFixture.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("ordered");
        Task[] publishers = [.. Enumerable.Range(0, Publishers).Select(number => Task.Run(async () =>
        {
            await using IConnection connection = await broker.ConnectAsync();
            IChannel own = await connection.OpenChannelAsync();
            for (int i = 1; i <= MessagesEach; i++)
            {
                await own.PublishAsync("", "ordered", Message.Text(string.Create(CultureInfo.InvariantCulture, $"{number} {i}")));
            }
        }))];

        int[] last = new int[Publishers];
        int received = 0;
        await foreach (Delivery delivery in channel.ConsumeAsync("ordered", new ConsumerOptions { PrefetchCount = 50 }))
        {
            string[] parts = delivery.Message.GetText().Split(' ');
            int publisher = int.Parse(parts[0], CultureInfo.InvariantCulture);
            Assert.Equal(last[publisher] + 1, int.Parse(parts[1], CultureInfo.InvariantCulture));
            last[publisher]++;
            Assert.False(delivery.Redelivered);
            await channel.AckAsync(delivery.DeliveryTag);
            if (++received == Publishers * MessagesEach)
            {
                break;
            }
        }

        await Task.WhenAll(publishers);
    }
}
