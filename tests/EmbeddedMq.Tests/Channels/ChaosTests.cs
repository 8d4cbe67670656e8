using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Channels;

/// <summary>Several threads do anything to the same channels, consumers and queues, and take them away under one another.</summary>
/// <remarks>What comes out is not foretold; what must hold is: no call fails but as AMQP says, no publish is left without an answer, every
/// queue's account balances, and when all that is left has been taken, no memory is held.</remarks>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private const string Dead = "dead";
    private const string TakesTheDead = "waits";
    private const int Slots = 6;

    private static readonly QueueDeclaration[] Queues =
    [
        new("plain"),
        new QueueDeclaration("priority").WithMaxPriority(3),
        new QueueDeclaration("drops").MaxLength(5).DeadLetterTo(Dead),
        new QueueDeclaration("refuses").MaxLength(5, Overflow.RejectPublishDeadLetter).DeadLetterTo(Dead),
        new QueueDeclaration(TakesTheDead).MaxLengthBytes(3_000, Overflow.BlockPublisher).DeadLetterTo(Dead),
        new QueueDeclaration("hands-over").MaxLength(0, Overflow.BlockPublisher),
        new QueueDeclaration("expires").WithMessageTtl(TimeSpan.FromMilliseconds(5)).DeadLetterTo(TakesTheDead),
        new QueueDeclaration("limited").WithDeliveryLimit(1).DeadLetterTo("expires"),
        new QueueDeclaration("single").SingleActiveConsumer(),
        new QueueDeclaration("passing").AutoDelete().ExpiresAfter(TimeSpan.FromMilliseconds(20)),
        new QueueDeclaration("changes").DeadLetterTo(Dead),
    ];

    [Fact]
    public async Task Broker_WhateverIsTakenAwayUnderWhomever_KeepsItsAccounts()
    {
        int seed = Seeds.Pick(20);
        using RecordingLog log = new();
        FakeTimeProvider time = new();
        await using Broker broker = await Broker.StartAsync(new BrokerOptions
        {
            TimeProvider = time,
            MemoryHighWatermarkBytes = 200_000,
            RandomSeed = seed,
            LoggerFactory = log,
        });
        await using IConnection setup = await broker.ConnectAsync();
        IChannel channel = await setup.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration(Dead).MaxLength(50));
        foreach (QueueDeclaration queue in Queues)
        {
            await channel.DeclareQueueAsync(queue);
        }

        Run run = new(broker, time);
        using CancellationTokenSource stop = new(Seeds.StressDuration(4));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => run.ActAsync(Seeds.Generator(seed, i), stop.Token))));
        await run.CloseAllAsync();
        try
        {
            await Task.WhenAll(run.Tasks).WaitAsync(BrokerFixture.Patience);
        }
        catch (TimeoutException)
        {
            // Those without an answer are counted below.
        }

        output.WriteLine($"Seed {seed}: {run.Tasks.Count} tasks, {run.Answers} answers.");
        Assert.True(run.Unexpected.Count == 0, $"Seed {seed}: {string.Join("\n", run.Unexpected)}");
        int unanswered = run.Tasks.Count(static task => !task.IsCompleted);
        Assert.True(unanswered == 0, $"Seed {seed}: {unanswered} calls or readers were left without an answer.");
        foreach (QueueDescription queue in await broker.Management.ListQueuesAsync("/"))
        {
            Assert.True(queue.UnackedCount == 0, $"Seed {seed}: {queue}");
            Assert.True(queue.WaitingPublishCount == 0 || queue.Name == TakesTheDead, $"Seed {seed}: {queue}"); // they have no publisher to answer
            Assert.True(
                queue.EnqueuedTotal == queue.AckedTotal + queue.DeadLetteredTotal + queue.DroppedTotal + queue.PurgedTotal + queue.ReadyCount,
                $"Seed {seed}: {queue}");
        }

        // What is taken from one may have kept another's dead waiting.
        for (int round = 0; round < 5; round++)
        {
            foreach (QueueDescription queue in await broker.Management.ListQueuesAsync("/"))
            {
                while (await channel.GetAsync(queue.Name, autoAck: true) is not null)
                {
                }
            }
        }

        Assert.Equal((0, false), (broker.MemoryBytes, broker.IsBlocked));
        Assert.Empty(log.WithId(2003));
    }

    private sealed class Run(Broker broker, FakeTimeProvider time)
    {
        private readonly Slot[] _slots = [.. Enumerable.Range(0, Slots).Select(static _ => new Slot())];
        private readonly ConcurrentBag<IConnection> _connections = [];
        private readonly ConcurrentQueue<string> _unexpected = new();
        private int _answers;

        public ConcurrentBag<Task> Tasks { get; } = [];

        public IReadOnlyCollection<string> Unexpected => _unexpected;

        public int Answers => _answers;

        public async Task ActAsync(Random random, CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                await TryAsync(() => StepAsync(random));
            }
        }

        public async Task CloseAllAsync()
        {
            foreach (IConnection connection in _connections)
            {
                await connection.CloseAsync();
            }
        }

        private async Task TryAsync(Func<Task> step)
        {
            try
            {
                await step();
                Interlocked.Increment(ref _answers);
            }
            catch (Exception error) when (error is EmbeddedMqException or OperationCanceledException)
            {
                Interlocked.Increment(ref _answers);
            }
            catch (Exception error)
            {
                _unexpected.Enqueue(error.ToString());
            }
        }

        private async Task StepAsync(Random random)
        {
            Slot slot = _slots[random.Next(Slots)];
            if (slot.Channel is not { IsOpen: true } channel)
            {
                await OpenAsync(slot, random);
                return;
            }

            QueueDeclaration queue = Queues[random.Next(Queues.Length)];
            switch (random.Next(100))
            {
                case < 45:
                    Publish(slot, channel, queue.Name, random);
                    break;
                case < 50:
                    slot.Cancel();
                    break;
                case < 56 when await channel.GetAsync(queue.Name, random.Next(3) == 0) is { } got:
                    slot.Deliveries.Enqueue(got.Delivery.DeliveryTag);
                    break;
                case < 62 when slot.Consumers.Count < 4:
                    await ConsumeAsync(slot, channel, queue.Name, random);
                    break;
                case < 80 when slot.Deliveries.TryDequeue(out ulong tag):
                    await SettleAsync(channel, tag, random);
                    break;
                case < 83 when slot.Consumers.TryTake(out IConsumer? consumer):
                    await (random.Next(2) == 0 ? consumer.CancelAsync() : consumer.DisposeAsync());
                    break;
                case < 85:
                    await channel.SetPrefetchAsync(random.Next(5), perChannel: random.Next(2) == 0);
                    break;
                case < 86:
                    await channel.RecoverAsync();
                    break;
                case < 89 when channel.Mode == ChannelMode.Transactional:
                    Tasks.Add(TryAsync(async () => await (random.Next(3) == 0 ? channel.RollbackTransactionAsync() : channel.CommitTransactionAsync())));
                    break;
                case < 91:
                    time.Advance(TimeSpan.FromMilliseconds(random.Next(1, 5)));
                    break;
                case < 93:
                    await channel.PurgeQueueAsync(queue.Name);
                    break;
                case < 95:
                    await channel.DeleteQueueAsync(queue.Name, ifUnused: random.Next(2) == 0);
                    await channel.DeclareQueueAsync(queue);
                    break;
                case < 97:
                    await channel.DeclareQueueAsync(queue);
                    break;
                case < 98:
                    await broker.Management.SetPolicyAsync("/", new Policy("p", "^changes$", RandomDefinition(random)));
                    break;
                case < 99:
                    await (random.Next(3) == 0 ? slot.Connection!.CloseAsync() : channel.CloseAsync());
                    break;
            }
        }

        private async Task OpenAsync(Slot slot, Random random)
        {
            if (slot.Connection is not { IsOpen: true } connection)
            {
                connection = await broker.ConnectAsync();
                slot.Connection = connection; // two may do so at once: the one that loses goes on until the end
                _connections.Add(connection);
                Tasks.Add(connection.Closed);
            }

            ChannelMode mode = (ChannelMode)random.Next(3);
            slot.Consumers.Clear();
            slot.Deliveries.Clear();
            slot.Channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = mode, MaxOutstandingPublishes = 20 });
        }

        private void Publish(Slot slot, IChannel channel, string queue, Random random)
        {
            MessageProperties properties = new()
            {
                Priority = (byte)random.Next(5),
                Expiration = random.Next(5) == 0 ? "3" : null,
            };
            Message message = Message.TakeOwnership(new byte[random.Next(2_000)], properties);
            CancellationToken cancellationToken = random.Next(3) == 0 ? slot.Cancellation : CancellationToken.None;
            Tasks.Add(TryAsync(async () => await channel.TryPublishAsync("", queue, message, (PublishFlags)random.Next(2), cancellationToken)));
        }

        private async Task ConsumeAsync(Slot slot, IChannel channel, string queue, Random random)
        {
            ConsumerOptions options = new() { AutoAck = random.Next(4) == 0, PrefetchCount = random.Next(4), Priority = random.Next(2) };
            IConsumer consumer = await channel.StartConsumerAsync(queue, options);
            slot.Consumers.Add(consumer);
            int count = random.Next(4) == 0 ? random.Next(20) : int.MaxValue; // some readers lose interest
            Tasks.Add(Task.Run(() => TryAsync(async () =>
            {
                await foreach (Delivery delivery in consumer.ReadAllAsync())
                {
                    slot.Deliveries.Enqueue(delivery.DeliveryTag);
                    if (--count == 0)
                    {
                        break;
                    }
                }
            })));
        }

        private static async Task SettleAsync(IChannel channel, ulong tag, Random random)
        {
            switch (random.Next(8))
            {
                case 0:
                    await channel.NackAsync(tag, multiple: random.Next(4) == 0, requeue: random.Next(2) == 0);
                    break;
                case 1:
                    await channel.RejectAsync(tag, requeue: random.Next(2) == 0);
                    break;
                default:
                    await channel.AckAsync(tag, multiple: random.Next(20) == 0);
                    break;
            }
        }

        private static HeaderTable RandomDefinition(Random random) => new(
        [
            new("max-length", random.Next(10)),
            new("overflow", random.Next(4) switch { 0 => "drop-head", 1 => "reject-publish", 2 => "reject-publish-dlx", _ => "block-publisher" }),
            new("message-ttl", random.Next(1, 50)),
        ]);
    }

    private sealed class Slot
    {
        private CancellationTokenSource _cancellation = new();

        public IConnection? Connection { get; set; }

        public IChannel? Channel { get; set; }

        public ConcurrentBag<IConsumer> Consumers { get; } = [];

        public ConcurrentQueue<ulong> Deliveries { get; } = new();

        public CancellationToken Cancellation => Volatile.Read(ref _cancellation).Token;

        public void Cancel() => Interlocked.Exchange(ref _cancellation, new CancellationTokenSource()).Cancel();
    }
}
