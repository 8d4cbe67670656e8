using System.Globalization;
using EmbeddedMq.Model.Tests.Scripts;

namespace EmbeddedMq.Model.Tests.Model;

/// <summary>AMQP as RabbitMQ has it, told with plain lists and linear scans: what the broker must agree with, step by step.</summary>
/// <remarks>
/// <para>Written from the behaviour, not from the engine; shares nothing with it but the contracts' values. One caller, no time of its own.</para>
/// <para>A call changes lists at once and puts what follows from it (dead-lettering, deliveries in other queues) on an agenda. Items of one
/// lane keep their order; which lane goes first is open in AMQP, and is asked from <see cref="Choices"/>. The usual answer goes deep first:
/// what an effect sets off comes before the effect's neighbours.</para>
/// </remarks>
internal sealed partial class ModelBroker(Choices choices, ModelFlaw flaw = ModelFlaw.None)
{
    /// <summary>How many unread deliveries the engine keeps ready for a consumer with auto-ack. A choice of the engine, not of AMQP.</summary>
    public const int AutoAckWindow = 1_024;

    private const int MostActsOfOneCall = 2_000;

    private readonly List<ModelConnection> _connections = [];
    private readonly List<ModelChannel> _channels = [];
    private readonly List<ModelConsumer> _consumers = [];
    private readonly List<ModelExchange> _exchanges = [.. Predeclared()];
    private readonly List<ModelBinding> _bindings = [];
    private readonly List<ModelQueue> _queues = [];
    private readonly List<ModelPublish> _waitingPublishes = [];
    private readonly List<(object Lane, Action Act)> _agenda = [];
    private readonly List<(object Lane, Action Act)> _news = [];
    private readonly List<string> _events = [];
    private readonly Dictionary<string, List<string>> _orders = [];
    private int _topologyChanges;
    private long _now;

    public IReadOnlyList<ModelConnection> Connections => _connections;

    public IReadOnlyList<ModelChannel> Channels => _channels;

    public IReadOnlyList<ModelConsumer> Consumers => _consumers;

    public IReadOnlyList<ModelExchange> Exchanges => _exchanges;

    public IReadOnlyList<ModelBinding> Bindings => _bindings;

    public IReadOnlyList<ModelQueue> Queues => _queues;

    /// <summary>Where each copy of a message ended: the message's body and the fate, in order.</summary>
    public List<(string Id, string Fate)> Fates { get; } = [];

    /// <summary>What publishers were told that had to wait, by the body of their message.</summary>
    public Dictionary<string, string> Answers { get; } = [];

    /// <summary>The bodies of messages that were confirmed to their publisher and that at least one queue was to take.</summary>
    public List<string> ConfirmedAndRouted { get; } = [];

    /// <summary>Carries out one call and all that follows from it.</summary>
    /// <returns>The answer, as <see cref="Render"/> writes it.</returns>
    public string Apply(Command command)
    {
        _events.Clear();
        string answer;
        try
        {
            answer = Answer(command);
        }
        catch (ModelError error)
        {
            answer = error.Message;
        }

        RunAgenda();
        if (command is Command.Publish publish)
        {
            answer = PublishAnswer(publish, answer);
        }

        CompleteWaitingPublishes();
        return answer;
    }

    /// <summary>All that can be seen from outside after a call.</summary>
    public List<string> Observe()
    {
        List<string> seen = [.. _events];
        seen.AddRange(_connections.Select(static c => $"connection {c.Id}: {c.Closed ?? "open"}"));
        seen.AddRange(_channels.Select(static c => $"channel {c.Id}: {c.Closed ?? "open"}"));
        seen.AddRange(_consumers.Select(static c => $"consumer {c.Id}: {c.End?.ToString() ?? "running"}"));
        seen.AddRange(_queues.OrderBy(static q => q.Name, StringComparer.Ordinal).Select(q => Render.Queue(
            q.Name, q.Ready.Count, q.ReadyBytes, Unacked(q), q.Waiting.Count, q.Consumers.Count,
            q.EnqueuedTotal, q.AckedTotal, q.RequeuedTotal, q.DeadLetteredTotal, q.DroppedTotal, q.PurgedTotal, q.RefusedTotal)));
        return seen;
    }

    private static IEnumerable<ModelExchange> Predeclared()
        => new (string Name, string Type)[] { ("", "direct"), ("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic") }
            .Select(static x => new ModelExchange(new ExchangeDeclaration(x.Name, x.Type).Durable()));

    private string Answer(Command command) => command switch
    {
        Command.Connect c => Connect(c),
        Command.CloseConnection c => CloseConnection(c),
        Command.OpenChannel c => OpenChannel(c),
        Command.CloseChannel c => CloseChannelByApplication(c),
        Command.DeclareExchange c => DeclareExchange(Use(c.Channel), c.Exchange),
        Command.DeclareExchangePassive c => CheckExchange(Use(c.Channel), c.Name),
        Command.DeleteExchange c => DeleteExchange(Use(c.Channel), c),
        Command.DeclareQueue c => DeclareQueue(Use(c.Channel), c.Queue),
        Command.DeclareQueuePassive c => CheckQueue(Use(c.Channel), c.Name),
        Command.DeleteQueue c => DeleteQueue(Use(c.Channel), c),
        Command.Purge c => Purge(Use(c.Channel), c.Name),
        Command.Bind c => Bind(Use(c.Channel), c),
        Command.Publish c => Publish(Use(c.Channel), c),
        Command.Get c => Get(Use(c.Channel), c),
        Command.Consume c => Consume(Use(c.Channel), c),
        Command.Read c => Read(c),
        Command.Cancel c => Cancel(_consumers[c.Consumer], ConsumerEnd.Cancelled),
        Command.DisposeConsumer c => DisposeConsumer(_consumers[c.Consumer]),
        Command.Ack c => Ack(Use(c.Channel), c),
        Command.Nack c => Nack(Use(c.Channel), c.Tag, c.Multiple, c.Requeue),
        Command.Reject c => Nack(Use(c.Channel), c.Tag, multiple: false, c.Requeue),
        Command.Recover c => Recover(Use(c.Channel)),
        Command.SetPrefetch c => SetPrefetch(Use(c.Channel), c),
        Command.Advance c => Advance(c.Milliseconds),
        _ => throw new ArgumentOutOfRangeException(nameof(command), command, "No such command."),
    };

    private void RunAgenda()
    {
        TakeNews();
        for (int acts = 0; _agenda.Count > 0; acts++)
        {
            if (acts == MostActsOfOneCall)
            {
                throw new InvalidOperationException("What the call set off does not come to an end.");
            }

            List<int> firstOfLane = [];
            for (int i = 0; i < _agenda.Count; i++)
            {
                if (!firstOfLane.Exists(j => _agenda[j].Lane.Equals(_agenda[i].Lane)))
                {
                    firstOfLane.Add(i);
                }
            }

            int chosen = firstOfLane[choices.Next(firstOfLane.Count)];
            Action act = _agenda[chosen].Act;
            _agenda.RemoveAt(chosen);
            act();
            TakeNews();
        }
    }

    private void Later(object lane, Action act) => _news.Add((lane, act));

    /// <summary>Puts what an act set off before everything else, but never before what its lane holds already.</summary>
    private void TakeNews()
    {
        int front = 0;
        foreach ((object Lane, Action Act) item in _news)
        {
            int last = _agenda.FindLastIndex(i => i.Lane.Equals(item.Lane));
            _agenda.Insert(Math.Max(front, last + 1), item);
            front = Math.Max(front, last + 1) + 1;
        }

        _news.Clear();
    }

    private string Advance(int milliseconds)
    {
        // In steps as fine as the finest due time, so that what a death sets off is due at its own time and not at the end.
        for (int left = milliseconds; left > 0; left -= Tick)
        {
            _now += Tick;
            foreach (ModelQueue queue in _queues)
            {
                if (queue.Expires is { } idle && queue.Consumers.Count == 0 && _now >= queue.LastUsed + idle)
                {
                    Later(new object(), () => RemoveQueue(queue));
                }
                else if (HeadHasExpired(queue))
                {
                    Later(new object(), () => Pump(queue));
                }
            }

            RunAgenda();
        }

        return "ok";
    }

    /// <summary>The grain of virtual time, in milliseconds.</summary>
    public const int Tick = 5;

    private string Connect(Command.Connect command)
    {
        _connections.Add(new ModelConnection(command.Connection));
        return "ok";
    }

    private string OpenChannel(Command.OpenChannel command)
    {
        ModelConnection connection = _connections[command.Connection];
        ModelChannel channel = new(command.Channel, connection, command.Mode);
        connection.Channels.Add(channel);
        _channels.Add(channel);
        return "ok";
    }

    private ModelChannel Use(int id)
    {
        ModelChannel channel = _channels[id];
        return channel.Closed is null ? channel : throw new ModelError("ChannelException " + channel.Closed["closed ".Length..]);
    }

    private string CloseChannelByApplication(Command.CloseChannel command)
    {
        ModelChannel channel = _channels[command.Channel];
        if (channel.Closed is null)
        {
            EndChannels([channel], "closed 200 Goodbye");
        }

        return "ok";
    }

    private string CloseConnection(Command.CloseConnection command)
    {
        ModelConnection connection = _connections[command.Connection];
        if (connection.Closed is null)
        {
            EndConnection(connection, "closed 200 Goodbye");
        }

        return "ok";
    }

    private void EndConnection(ModelConnection connection, string closed)
    {
        connection.Closed = closed;
        EndChannels(connection.Channels.FindAll(static c => c.Closed is null), closed);
        RunAgenda();
        foreach (ModelQueue queue in _queues.FindAll(q => q.Owner == connection))
        {
            RemoveQueue(queue);
        }
    }

    /// <summary>Ends channels that go together: first their consumers receive no more, then what they held goes back, each queue's at once.</summary>
    private void EndChannels(List<ModelChannel> channels, string closed)
    {
        List<ModelDelivery> unread = [];
        channels.ForEach(channel => channel.Closed = closed);
        foreach (ModelConsumer consumer in channels.SelectMany(static channel => channel.Consumers))
        {
            Cancel(consumer, ConsumerEnd.ChannelClosed);
            unread.AddRange(consumer.Mailbox);
            consumer.Mailbox.Clear();
        }

        List<ModelChannel> publishing = [.. channels];
        while (publishing.Count > 0)
        {
            ModelChannel channel = publishing[choices.Next(publishing.Count)];
            publishing.Remove(channel);
            WithdrawPublishes(channel, closed);
            if (publishing.Count > 0)
            {
                RunAgenda(); // what waits behind one channel's publish may be another's that is about to end
            }
        }

        List<ModelDelivery> held = [.. channels.SelectMany(static channel => channel.Unacked)];
        channels.ForEach(static channel => channel.Unacked.Clear());
        PutBack(held, unread);
    }

    /// <summary>Takes a channel's publishes out of the lines in which they wait; what waits behind them may be small enough to come in then.</summary>
    private void WithdrawPublishes(ModelChannel channel, string closed)
    {
        foreach (ModelPublish publish in _waitingPublishes.FindAll(p => p.Channel == channel && p.OpenQueues > 0))
        {
            _waitingPublishes.Remove(publish);
            Answers.Add(publish.Message.Id, "ChannelException " + closed["closed ".Length..]);
        }

        foreach (ModelQueue queue in _queues.Where(q => q.Waiting.RemoveAll(w => w.Publish?.Channel == channel) > 0))
        {
            Later(queue, () => Pump(queue));
        }
    }

    /// <summary>An error that closes the channel.</summary>
    private ModelError Fail(ModelChannel channel, int code, string text)
    {
        EndChannels([channel], $"closed {code} {text}");
        return new ModelError(Render.Error(nameof(ChannelException), code, text));
    }

    /// <summary>An error that closes the connection.</summary>
    private ModelError FailConnection(ModelConnection connection, int code, string text)
    {
        EndConnection(connection, $"closed {code} {text}");
        return new ModelError(Render.Error(nameof(ConnectionException), code, text));
    }

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    /// <summary>Ends the carrying out of a call; its text is the answer.</summary>
    private sealed class ModelError(string answer) : Exception(answer);
}
