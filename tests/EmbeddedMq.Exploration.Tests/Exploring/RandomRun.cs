using EmbeddedMq.Consumers;

namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>One run of a <see cref="RandomProgram"/>: its channels and consumers, and what it knows of each message.</summary>
/// <param name="scenario">The run.</param>
/// <param name="pager">What brings messages back from disk, if anything.</param>
/// <param name="queues">Its queues.</param>
/// <param name="mayDrop">Whether a message may be dropped by a rule: a limit, a time to live, a purge, the end of a queue.</param>
internal sealed class RandomRun(Scenario scenario, PagerThread? pager, IReadOnlyList<QueueDeclaration> queues, bool mayDrop)
{
    // Long enough for what the broker completes on the thread pool.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly List<ChannelOfRun> _channels = [];
    private readonly List<ConsumerOfRun> _consumers = [];
    private readonly HashSet<string> _confirmed = [];
    private readonly HashSet<string> _gone = [];       // acknowledged, or read with automatic acknowledgement: nobody may see it again
    private readonly HashSet<string> _uncertain = [];  // may be there or not: rejected, or part of what was broken off
    private int _lastNumber;

    /// <summary>Opens the channels, each on a connection of its own, and declares the queues.</summary>
    internal async Task OpenAsync(IEnumerable<ChannelMode> modes)
    {
        foreach (ChannelMode mode in modes)
        {
            IConnection connection = await scenario.Broker.ConnectAsync();
            _channels.Add(new ChannelOfRun(await connection.OpenChannelAsync(new ChannelOptions { Mode = mode }), mode == ChannelMode.Transactional));
        }

        IChannel declaring = await scenario.OpenChannelAsync();
        foreach (QueueDeclaration queue in queues)
        {
            await declaring.DeclareQueueAsync(queue);
        }
    }

    internal IChannel Channel(int number) => _channels[number].Channel;

    /// <summary>Carries out a call that may be refused.</summary>
    /// <returns>Whether it was not.</returns>
    internal bool Try(Func<ValueTask> call) => scenario.TryDo(call);

    /// <inheritdoc cref="Try(Func{ValueTask})"/>
    internal bool Try<T>(Func<ValueTask<T>> call) => scenario.TryDo(async () => await call());

    internal void Publish(int number, string queue, int count, MessageProperties properties)
    {
        ChannelOfRun channel = _channels[number];
        for (int i = 0; i < count; i++)
        {
            string text = $"m{++_lastNumber}";
            bool isConfirmed = false;
            if (!Try(async () => isConfirmed = (await channel.Channel.TryPublishAsync("", queue, Message.Text(text, properties))).IsConfirmed))
            {
                _uncertain.Add(text);
            }
            else if (channel.IsTransactional)
            {
                channel.Published.Add(text);
            }
            else if (isConfirmed)
            {
                _confirmed.Add(text);
            }
        }
    }

    internal void Consume(int number, string queue, ConsumerOptions options)
    {
        ChannelOfRun channel = _channels[number];
        Try(async () =>
        {
            ConsumerOfRun consumer = new(channel, queue, await channel.Channel.StartConsumerAsync(queue, options), options.AutoAck);
            channel.Consumers.Add(consumer);
            _consumers.Add(consumer);
        });
    }

    internal void Read(int number, Settlement settlement)
    {
        if (number < _consumers.Count)
        {
            ReadFrom(_consumers[number], settlement);
        }
    }

    internal void Settle(int number, Settlement settlement)
    {
        if (settlement.Kind != SettlementKind.Keep && _channels[number].Held is [var first, ..])
        {
            Settle(_channels[number], first, settlement);
        }
    }

    internal void Get(int number, string queue, bool autoAck, Settlement settlement)
    {
        ChannelOfRun channel = _channels[number];
        GetResult? got = null;
        if (!Try(async () => got = await channel.Channel.GetAsync(queue, autoAck)) || got is null)
        {
            return;
        }

        Take(channel, got.Delivery, autoAck, settlement);
    }

    internal void Cancel(int number, bool disposes)
    {
        if (number < _consumers.Count)
        {
            Try(() => disposes ? _consumers[number].Consumer.DisposeAsync() : _consumers[number].Consumer.CancelAsync());
        }
    }

    internal void Recover(int number)
    {
        List<HeldDelivery> held = [.. _channels[number].Held];
        Try(() => Channel(number).RecoverAsync());
        _channels[number].Held.RemoveAll(held.Contains);
    }

    internal void Close(int number, bool closesConnection) => Try(() => closesConnection ? Channel(number).Connection.CloseAsync() : Channel(number).CloseAsync());

    internal void EndTransaction(int number, bool commits)
    {
        ChannelOfRun channel = _channels[number];
        if (!channel.IsTransactional)
        {
            return;
        }

        List<string> published = [.. channel.Published];
        List<HeldDelivery> acked = [.. channel.Acked];
        channel.Published.Clear();
        channel.Acked.Clear();
        bool isDone = Try(() => commits ? channel.Channel.CommitTransactionAsync() : channel.Channel.RollbackTransactionAsync());
        if (!isDone)
        {
            _uncertain.UnionWith([.. published, .. acked.Select(static held => held.Text)]);
        }
        else if (commits)
        {
            _confirmed.UnionWith(published);
            _gone.UnionWith(acked.Select(static held => held.Text));
        }
        else
        {
            channel.Held.AddRange(acked);
        }
    }

    internal void Pass(TimeSpan time) => scenario.Time.Advance(time);

    internal void SetPolicy(string queue, HeaderTable definition)
        => Try(() => scenario.Broker.Management.SetPolicyAsync("/", new Policy("p", $"^{queue}$", definition)));

    /// <summary>Whoever consumes gets all there is, no message is anywhere twice, and none is lost but by a rule.</summary>
    internal async Task CheckAsync()
    {
        pager?.RunWhenAsked();
        await CheckAsync("whose channels hold nothing", queue => Consumers(queue).All(static consumer => consumer.Channel.IsIdle));
        await CheckAsync("who take all they get", _ =>
        {
            ConsumeAll();
            return true;
        });
        _channels.ForEach(channel => Try(() => channel.Channel.CloseAsync()));
        List<string> left = [];
        int before;
        do
        {
            before = left.Count; // what has expired behind others goes on to the other queue when it comes to the head
            foreach (QueueDescription queue in await scenario.Broker.Management.ListQueuesAsync("/"))
            {
                left.AddRange(await scenario.DrainAsync(queue.Name));
            }
        }
        while (left.Count > before);

        Assert.Equal(left.Distinct(), left);
        Assert.Empty(left.Intersect(_gone).Except(_uncertain));
        if (!mayDrop)
        {
            Assert.Empty(_confirmed.Except(left).Except(_gone).Except(_uncertain));
        }
    }

    // A queue that has something ready and somebody to give it to has forgotten one of the two.
    private async Task CheckAsync(string whose, Func<string, bool> mustReceive)
    {
        DateTime end = DateTime.UtcNow + Patience;
        pager?.RunAll();
        while ((await scenario.Broker.Management.ListQueuesAsync("/")).FirstOrDefault(queue => queue.ConsumerCount > 0 && queue.ReadyCount > 0 && mustReceive(queue.Name)) is { } waiting)
        {
            Assert.True(DateTime.UtcNow < end, $"In '{waiting.Name}' {waiting.ReadyCount} messages wait beside {waiting.ConsumerCount} consumers {whose}.");
            await Task.Yield();
        }
    }

    private IEnumerable<ConsumerOfRun> Consumers(string queue) => _consumers.Where(consumer => consumer.Queue == queue && consumer.Channel.Channel.IsOpen);

    private void ConsumeAll()
    {
        foreach (ConsumerOfRun consumer in _consumers.Where(static consumer => consumer.Channel.Channel.IsOpen))
        {
            while (ReadFrom(consumer, new Settlement(SettlementKind.Ack, Multiple: false)))
            {
            }
        }

        for (int i = 0; i < _channels.Count; i++)
        {
            while (_channels[i].Channel.IsOpen && _channels[i].Held is [var held, ..])
            {
                Settle(_channels[i], held, new Settlement(SettlementKind.Ack, Multiple: false));
            }

            EndTransaction(i, commits: true);
        }
    }

    private bool ReadFrom(ConsumerOfRun consumer, Settlement settlement)
    {
        Delivery? delivery = null;
        if (consumer.IsBeingRead)
        {
            return false; // by another thread: one at a time
        }

        consumer.IsBeingRead = true;
        bool isRead = Try(() =>
        {
            delivery = scenario.TryRead(consumer.Consumer);
            return ValueTask.CompletedTask;
        });
        consumer.IsBeingRead = false;
        if (!isRead || delivery is null)
        {
            return false;
        }

        Take(consumer.Channel, delivery.Value, consumer.AutoAck, settlement);
        return true;
    }

    private void Take(ChannelOfRun channel, Delivery delivery, bool isAcked, Settlement settlement)
    {
        HeldDelivery held = new(delivery.DeliveryTag, delivery.Message.GetText());
        if (isAcked)
        {
            Assert.True(_gone.Add(held.Text), $"{held.Text} was delivered again.");
            return;
        }

        channel.Held.Add(held);
        if (settlement.Kind != SettlementKind.Keep)
        {
            Settle(channel, held, settlement);
        }
    }

    private void Settle(ChannelOfRun channel, HeldDelivery held, Settlement settlement)
    {
        (SettlementKind kind, bool multiple) = settlement;
        List<HeldDelivery> settled = [.. channel.Held.Where(other => other == held || (multiple && other.Tag < held.Tag))];
        channel.Held.RemoveAll(settled.Contains);
        bool isDone = Try(() => kind == SettlementKind.Ack
            ? channel.Channel.AckAsync(held.Tag, multiple)
            : channel.Channel.NackAsync(held.Tag, multiple, requeue: kind == SettlementKind.Requeue));
        if (multiple)
        {
            _uncertain.UnionWith(settled.Select(static other => other.Text)); // others may have been delivered or settled meanwhile
        }
        else if (!isDone)
        {
            return;
        }
        else if (kind == SettlementKind.Reject)
        {
            _uncertain.Add(held.Text);
        }
        else if (channel.IsTransactional)
        {
            if (kind == SettlementKind.Ack)
            {
                channel.Acked.Add(held);
            }
        }
        else if (kind == SettlementKind.Ack)
        {
            Assert.True(_gone.Add(held.Text), $"{held.Text} was acknowledged twice.");
        }
    }

    private sealed record HeldDelivery(ulong Tag, string Text);

    private sealed class ChannelOfRun(IChannel channel, bool isTransactional)
    {
        internal IChannel Channel { get; } = channel;

        internal bool IsTransactional { get; } = isTransactional;

        internal List<HeldDelivery> Held { get; } = [];

        internal List<ConsumerOfRun> Consumers { get; } = [];

        /// <summary>Whether nothing that it was given is unsettled.</summary>
        internal bool IsIdle => !IsTransactional && Held.Count == 0 && Consumers.TrueForAll(static consumer => !((Consumer)consumer.Consumer).HasUnread);

        /// <summary>Published in its transaction.</summary>
        internal List<string> Published { get; } = [];

        /// <summary>Acknowledged in its transaction.</summary>
        internal List<HeldDelivery> Acked { get; } = [];
    }

    private sealed class ConsumerOfRun(ChannelOfRun channel, string queue, IConsumer consumer, bool autoAck)
    {
        internal string Queue { get; } = queue;

        internal ChannelOfRun Channel { get; } = channel;

        internal IConsumer Consumer { get; } = consumer;

        internal bool AutoAck { get; } = autoAck;

        internal bool IsBeingRead { get; set; }
    }
}
