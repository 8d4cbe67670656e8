using System.Globalization;
using EmbeddedMq.Model.Tests.Model;

namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>Makes a step into a complete call, picking among what the model holds at that moment.</summary>
internal sealed class CommandChooser(Func<ModelBroker> current)
{
    private const int MostOpenChannels = 4;
    private const int MostRunningConsumers = 6;

    private static readonly string[] QueueNames = ["q1", "q2", "q3", "q4"];
    private static readonly string[] ExchangeNames = ["x1", "x2", "x3"];
    private static readonly string[] ExchangeTypes = [ExchangeType.Topic, ExchangeType.Fanout, ExchangeType.Direct];
    private static readonly string[] Keys = ["a", "a.b", "b", "a.b.c", "", "a..b", "."];
    private static readonly string[] BindingKeys = ["#", "a", "a.*", "a.#", "*", "#.b", "*.*", "a.b", "a.#.b", "", "b", "*.b.#"];

    private int _messages;

    private ModelBroker Model => current();

    /// <summary>The call that the step stands for now, or null where there is nothing that it could be done to.</summary>
    public Command? Choose(Step step)
    {
        Digits how = new(step.How);
        switch (step.Kind)
        {
            case StepKind.Connect:
                return OpenConnections().Count < 3 ? new Command.Connect(Model.Connections.Count) : null;
            case StepKind.CloseConnection:
                return Pick(OpenConnections(), step.Where) is { } closing ? new Command.CloseConnection(closing.Id) : null;
            case StepKind.OpenChannel:
                return OpenChannels().Count < MostOpenChannels ? NewChannel(step, how) : null;
            case StepKind.Read:
                return Pick(Model.Consumers.Where(static c => c.Mailbox.Count > 0).ToList(), step.Where) is { } reader ? new Command.Read(reader.Id) : null;
            case StepKind.Cancel:
                return Pick(RunningConsumers(), step.Where) is { } cancelled ? new Command.Cancel(cancelled.Id) : null;
            case StepKind.DisposeConsumer:
                return Pick(RunningConsumers(), step.Where) is { } disposed ? new Command.DisposeConsumer(disposed.Id) : null;
            case StepKind.Advance:
                return new Command.Advance(10 * (1 + how.Take(6)));
            default:
                // Nothing else can be done without a channel: open one.
                return Pick(OpenChannels(), step.Where) is { } channel ? OnChannel(step, channel, how) : NewChannel(step, how);
        }
    }

    private Command? OnChannel(Step step, ModelChannel channel, Digits how) => step.Kind switch
    {
        StepKind.CloseChannel => new Command.CloseChannel(channel.Id),
        StepKind.DeclareExchange => DeclareExchange(channel, ExchangeNames[step.What % ExchangeNames.Length], how),
        StepKind.DeleteExchange => new Command.DeleteExchange(channel.Id, ExchangeNames[step.What % ExchangeNames.Length], how.Take(3) == 2),
        StepKind.DeclareQueue => DeclareQueue(channel, QueueNames[step.What % QueueNames.Length], how),
        StepKind.CheckQueue => new Command.DeclareQueuePassive(channel.Id, QueueName(step.What)),
        StepKind.DeleteQueue => new Command.DeleteQueue(channel.Id, QueueName(step.What), how.Take(3) == 2, how.Take(3) == 2),
        StepKind.Purge => new Command.Purge(channel.Id, QueueName(step.What)),
        StepKind.Bind => new Command.Bind(channel.Id, QueueName(step.What), ExchangeName(how.Take(60)), BindingKeys[how.Take(BindingKeys.Length)], Unbind: false),
        StepKind.Unbind => Unbind(channel, step),
        StepKind.Publish => Publish(channel, step, how),
        StepKind.Get => new Command.Get(channel.Id, QueueName(step.What), how.Take(3) == 2),
        StepKind.Consume => Consume(channel, step, how),
        StepKind.Ack or StepKind.Nack or StepKind.Reject => Settle(step, how),
        StepKind.Recover => new Command.Recover(channel.Id),
        StepKind.SetPrefetch => new Command.SetPrefetch(channel.Id, how.Take(5), how.Take(3) == 2),
        _ => Mistake(channel, step),
    };

    private Command? NewChannel(Step step, Digits how)
    {
        if (Pick(OpenConnections(), step.Where) is not { } connection)
        {
            return new Command.Connect(Model.Connections.Count);
        }

        return new Command.OpenChannel(connection.Id, Model.Channels.Count, how.Take(5) == 4 ? ChannelMode.Plain : ChannelMode.Confirm);
    }

    private Command.DeclareExchange DeclareExchange(ModelChannel channel, string name, Digits how)
    {
        if (Model.Exchanges.FirstOrDefault(x => x.Name == name)?.Declaration is { } current)
        {
            return new Command.DeclareExchange(channel.Id, how.Take(20) switch
            {
                17 => current with { IsDurable = !current.IsDurable },
                18 => current with { Type = ExchangeTypes.First(t => t != current.Type) },
                19 => current.AlternateExchange(current.Arguments.Count == 0 ? "x1" : "x9"),
                _ => current,
            });
        }

        ExchangeDeclaration declaration = new(name, ExchangeTypes[how.Take(ExchangeTypes.Length)]) { IsDurable = how.Take(2) == 1 };
        return new Command.DeclareExchange(channel.Id, how.Take(4) == 3 ? declaration.AlternateExchange(ExchangeNames[how.Take(ExchangeNames.Length)]) : declaration);
    }

    private Command.DeclareQueue DeclareQueue(ModelChannel channel, string name, Digits how)
        => new(channel.Id, Model.Queues.FirstOrDefault(q => q.Name == name)?.Declaration is { } current ? Again(current, how) : NewQueue(name, how));

    /// <summary>A declaration of which each part is off by itself, so that all of them meet in some script.</summary>
    private static QueueDeclaration NewQueue(string name, Digits how)
    {
        QueueDeclaration queue = new(name) { IsDurable = how.Take(2) == 1, IsAutoDelete = how.Take(10) == 9, IsExclusive = how.Take(12) == 11 };
        queue = how.Take(6) switch
        {
            3 => queue.WithMessageTtl(TimeSpan.FromMilliseconds(20)),
            4 => queue.WithMessageTtl(TimeSpan.FromMilliseconds(60)),
            5 => queue.WithMessageTtl(TimeSpan.Zero),
            _ => queue,
        };
        queue = how.Take(11) switch
        {
            10 => queue.MaxLengthBytes(25, Overflow.BlockPublisher),
            4 => queue.MaxLength(2),
            5 => queue.MaxLength(0),
            6 => queue.MaxLengthBytes(25),
            7 => queue.MaxLength(2, Overflow.RejectPublish),
            8 => queue.MaxLength(3, Overflow.RejectPublishDeadLetter),
            9 => queue.MaxLength(2, Overflow.BlockPublisher),
            _ => queue,
        };
        queue = how.Take(5) switch
        {
            2 => queue.DeadLetterTo(QueueNames[how.Take(QueueNames.Length)]),
            3 => queue.DeadLetterTo(ExchangeNames[how.Take(ExchangeNames.Length)], null),
            4 => queue.DeadLetterTo(ExchangeNames[how.Take(ExchangeNames.Length)], "a.b"),
            _ => queue,
        };
        queue = how.Take(5) switch
        {
            3 => queue.WithMaxPriority(2),
            4 => queue.WithMaxPriority(5),
            _ => queue,
        };
        queue = how.Take(5) switch
        {
            3 => queue.WithDeliveryLimit(1),
            4 => queue.WithDeliveryLimit(0),
            _ => queue,
        };

        // Never a multiple of ten milliseconds: a queue and its messages then never end at the same moment, where either could be first.
        return how.Take(10) == 9 ? queue.ExpiresAfter(TimeSpan.FromMilliseconds(45)) : queue;
    }

    /// <summary>Mostly the same declaration; else one that differs in one part, so that there is one right text of the error.</summary>
    private static QueueDeclaration Again(QueueDeclaration current, Digits how)
    {
        HeaderTable arguments = current.Arguments;
        return how.Take(30) switch
        {
            23 => current with { IsDurable = !current.IsDurable },
            24 => current with { IsAutoDelete = !current.IsAutoDelete },
            25 => current with { IsExclusive = !current.IsExclusive },
            26 when arguments.ContainsKey(QueueArgument.MessageTtl) => current with { Arguments = arguments.Without(QueueArgument.MessageTtl) },
            27 => current.WithMessageTtl(TimeSpan.FromMilliseconds(70)),
            28 => current.WithArgument(QueueArgument.MaxLength, 9L),
            29 => current.WithArgument(QueueArgument.DeadLetterExchange, "x9"),
            _ => current.WithArgument("x-unknown", how.Take(3)),
        };
    }

    private Command.Bind Unbind(ModelChannel channel, Step step)
    {
        ModelBinding binding = Pick(Model.Bindings, step.What) ?? new ModelBinding("x9", "q9", "a");
        return new Command.Bind(channel.Id, binding.Queue, binding.Exchange, binding.Key, Unbind: true);
    }

    private Command.Publish Publish(ModelChannel channel, Step step, Digits how)
    {
        bool toQueue = how.Take(2) == 0;
        string exchange = toQueue ? "" : ExchangeName(how.Take(60));
        string key = toQueue ? QueueName(step.What) : Keys[step.What % Keys.Length];
        byte? priority = how.Take(4) is 3 ? (byte)how.Take(8) : null;
        string? expiration = how.Take(16) switch { 12 => "0", 13 => "10", 14 => "30", 15 => "100", _ => null };
        int size = new[] { 4, 10, 30 }[how.Take(3)];
        bool mandatory = how.Take(4) == 3;
        return new Command.Publish(channel.Id, exchange, key, NextMessage(), size, priority, expiration, mandatory);
    }

    private Command? Consume(ModelChannel channel, Step step, Digits how)
    {
        if (RunningConsumers().Count >= MostRunningConsumers)
        {
            return null;
        }

        int id = Model.Consumers.Count;
        return new Command.Consume(
            channel.Id, id, string.Create(CultureInfo.InvariantCulture, $"t{id}"), QueueName(step.What), how.Take(4) == 3,
            new int?[] { null, 1, 2, 3, 0 }[how.Take(5)], how.Take(5) == 4 ? 1 : 0)
        { Eager = how.Take(3) != 2 };
    }

    /// <summary>Settles a delivery on whichever channel has one.</summary>
    private Command? Settle(Step step, Digits how)
    {
        if (Pick(OpenChannels().Where(static c => c.Unacked.Exists(static d => !d.IsAutoAck)).ToList(), step.Where) is not { } channel)
        {
            return null;
        }

        ulong tag = Pick(channel.Unacked.FindAll(static d => !d.IsAutoAck), step.What)!.Tag;
        return step.Kind switch
        {
            StepKind.Ack => new Command.Ack(channel.Id, tag, Multiple: how.Take(3) == 2),
            StepKind.Nack => new Command.Nack(channel.Id, tag, Multiple: how.Take(3) == 2, Requeue: how.Take(3) != 2),
            _ => new Command.Reject(channel.Id, tag, Requeue: how.Take(3) == 2),
        };
    }

    /// <summary>A call that must fail, and close its channel or its connection.</summary>
    private Command Mistake(ModelChannel channel, Step step)
    {
        string queue = QueueNames[step.How % QueueNames.Length];
        switch (step.What % 18)
        {
            case 0:
                return new Command.Ack(channel.Id, channel.LastTag + 1, Multiple: false);
            case 1:
                return new Command.Ack(channel.Id, channel.LastTag + 5, Multiple: true);
            case 2:
                return new Command.Nack(channel.Id, 0, Multiple: false, Requeue: true);
            case 3:
                return new Command.Reject(channel.Id, channel.LastTag + 1, Requeue: true);
            case 4:
                return new Command.DeclareQueuePassive(channel.Id, "q9");
            case 5:
                return new Command.DeclareExchangePassive(channel.Id, "x9");
            case 6:
                return new Command.DeclareQueue(channel.Id, new QueueDeclaration("amq.q"));
            case 7:
                return new Command.DeclareExchange(channel.Id, new ExchangeDeclaration("amq.x", ExchangeType.Direct));
            case 8:
                return new Command.DeleteExchange(channel.Id, "amq.direct", IfUnused: false);
            case 9:
                return new Command.DeclareExchange(channel.Id, new ExchangeDeclaration("", ExchangeType.Direct));
            case 10:
                return new Command.Bind(channel.Id, queue, "", "a", Unbind: false);
            case 11:
                return new Command.Publish(channel.Id, "", queue, NextMessage(), 4, null, "soon", Mandatory: false);
            case 12:
                return new Command.Bind(channel.Id, "q9", "amq.direct", "a", Unbind: false);
            case 13:
                return new Command.Consume(channel.Id, Model.Consumers.Count, "t", "q9", AutoAck: false, null, 0);
            case 14:
                return new Command.Purge(channel.Id, "q9");
            case 15 when channel.Consumers.Find(static c => c.End is null) is { } running:
                return new Command.Consume(channel.Id, Model.Consumers.Count, running.Tag, running.Queue.Name, AutoAck: false, null, 0);
            case 16 when Pick(Model.Channels.Where(static c => c.Closed is not null).ToList(), step.Where) is { } closed:
                return new Command.Get(closed.Id, queue, AutoAck: false);
            default:
                return new Command.Publish(channel.Id, "x9", "a", NextMessage(), 4, null, null, Mandatory: true);
        }
    }

    private string NextMessage() => string.Create(CultureInfo.InvariantCulture, $"m{++_messages}");

    /// <summary>A queue that exists, where one does, and now and then one that does not.</summary>
    private string QueueName(int pick)
    {
        if (pick % 50 == 49)
        {
            return "q9";
        }

        return Model.Queues.Count == 0 ? QueueNames[pick % QueueNames.Length] : Model.Queues[pick % Model.Queues.Count].Name;
    }

    private string ExchangeName(int pick)
    {
        string[] declared = [.. Model.Exchanges.Select(static x => x.Name).Where(static x => x.StartsWith('x'))];
        return pick == 59 ? "x9" : declared.Length == 0 ? "amq.topic" : declared[pick % declared.Length];
    }

    private List<ModelConnection> OpenConnections() => Model.Connections.Where(static c => c.Closed is null).ToList();

    private List<ModelChannel> OpenChannels() => Model.Channels.Where(static c => c.Closed is null).ToList();

    private List<ModelConsumer> RunningConsumers() => Model.Consumers.Where(static c => c.End is null).ToList();

    private static T? Pick<T>(IReadOnlyList<T> items, int pick)
        where T : class
        => items.Count == 0 ? null : items[pick % items.Count];

    /// <summary>Reads one number as several small ones.</summary>
    private sealed class Digits(int number)
    {
        private int _rest = number;

        /// <summary>A number from 0 to <paramref name="below"/> - 1.</summary>
        public int Take(int below)
        {
            (_rest, int digit) = Math.DivRem(_rest, below);
            return digit;
        }
    }
}
