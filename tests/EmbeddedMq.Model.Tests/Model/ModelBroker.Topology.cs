using EmbeddedMq.Model.Tests.Scripts;

namespace EmbeddedMq.Model.Tests.Model;

/// <content>Exchanges, queues and bindings.</content>
internal sealed partial class ModelBroker
{
    private const string VirtualHost = "/";

    /// <summary>The arguments that a queue compares when it is declared again, with AMQP's name of the type that the scripts use for each.</summary>
    private static readonly string[] KnownQueueArguments =
    [
        QueueArgument.Expires, QueueArgument.MessageTtl, QueueArgument.DeadLetterExchange, QueueArgument.DeadLetterRoutingKey,
        QueueArgument.MaxLength, QueueArgument.MaxLengthBytes, QueueArgument.MaxPriority, QueueArgument.Overflow, QueueArgument.DeliveryLimit,
    ];

    private string DeclareExchange(ModelChannel channel, ExchangeDeclaration wanted)
    {
        if (wanted.Name.Length == 0)
        {
            throw Fail(channel, 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
        }

        if (_exchanges.Find(x => x.Name == wanted.Name)?.Declaration is not { } current)
        {
            if (wanted.Name.StartsWith("amq.", StringComparison.Ordinal))
            {
                throw Fail(channel, 403, $"ACCESS_REFUSED - exchange name '{wanted.Name}' contains reserved prefix 'amq.*'");
            }

            _exchanges.Add(new ModelExchange(wanted));
            return "ok";
        }

        Compare(channel, $"exchange '{wanted.Name}'", "type", wanted.Type, current.Type);
        Compare(channel, $"exchange '{wanted.Name}'", "durable", wanted.IsDurable, current.IsDurable);
        CompareArgument(channel, $"exchange '{wanted.Name}'", "alternate-exchange", wanted.Arguments, current.Arguments);
        return "ok";
    }

    private string CheckExchange(ModelChannel channel, string name)
    {
        if (name.Length == 0)
        {
            throw Fail(channel, 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
        }

        FindExchange(channel, name);
        return "ok";
    }

    private string DeleteExchange(ModelChannel channel, Command.DeleteExchange command)
    {
        if (command.Name.Length == 0)
        {
            throw Fail(channel, 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
        }

        if (command.Name.StartsWith("amq.", StringComparison.Ordinal))
        {
            throw Fail(channel, 403, $"ACCESS_REFUSED - deletion of system exchange '{command.Name}' in vhost '{VirtualHost}' not allowed");
        }

        if (command.IfUnused && _bindings.Exists(b => b.Exchange == command.Name))
        {
            throw Fail(channel, 406, $"PRECONDITION_FAILED - exchange '{command.Name}' in vhost '{VirtualHost}' in use");
        }

        _exchanges.RemoveAll(x => x.Name == command.Name);
        _bindings.RemoveAll(b => b.Exchange == command.Name);
        _topologyChanges++;
        return "ok";
    }

    private string DeclareQueue(ModelChannel channel, QueueDeclaration wanted)
    {
        if (wanted.Name.StartsWith("amq.", StringComparison.Ordinal))
        {
            throw Fail(channel, 403, $"ACCESS_REFUSED - queue name '{wanted.Name}' contains reserved prefix 'amq.*'");
        }

        ModelQueue? queue = _queues.Find(q => q.Name == wanted.Name);
        if (queue is null)
        {
            queue = new ModelQueue(wanted, wanted.IsExclusive ? channel.Connection : null) { LastUsed = _now };
            _queues.Add(queue);
        }
        else
        {
            QueueDeclaration current = queue.Declaration;
            string subject = $"queue '{wanted.Name}'";
            if (wanted.IsExclusive != current.IsExclusive)
            {
                throw Fail(channel, 405, LockedText(wanted.Name));
            }

            CheckOwner(channel, queue);
            if (!current.IsExclusive)
            {
                Compare(channel, subject, "durable", wanted.IsDurable, current.IsDurable); // an exclusive queue is never durable
            }

            Compare(channel, subject, "auto_delete", wanted.IsAutoDelete, current.IsAutoDelete);
            foreach (string argument in KnownQueueArguments)
            {
                CompareArgument(channel, subject, argument, wanted.Arguments, current.Arguments);
            }
        }

        return Declared(queue);
    }

    private string CheckQueue(ModelChannel channel, string name) => Declared(FindQueue(channel, name));

    private string Declared(ModelQueue queue)
    {
        queue.LastUsed = _now;
        return $"'{queue.Name}' messages {queue.Ready.Count} consumers {queue.Consumers.Count}";
    }

    private string DeleteQueue(ModelChannel channel, Command.DeleteQueue command)
    {
        if (_queues.Find(q => q.Name == command.Name) is not { } queue)
        {
            return "deleted 0";
        }

        CheckOwner(channel, queue);
        if (command.IfEmpty && queue.Ready.Count > 0)
        {
            throw Fail(channel, 406, $"PRECONDITION_FAILED - queue '{queue.Name}' in vhost '{VirtualHost}' not empty");
        }

        if (command.IfUnused && queue.Consumers.Count > 0)
        {
            throw Fail(channel, 406, $"PRECONDITION_FAILED - queue '{queue.Name}' in vhost '{VirtualHost}' in use");
        }

        int ready = queue.Ready.Count;
        RemoveQueue(queue);
        return $"deleted {ready}";
    }

    private string Purge(ModelChannel channel, string name)
    {
        ModelQueue queue = FindQueue(channel, name);
        int ready = queue.Ready.Count;
        queue.PurgedTotal += ready;
        queue.Ready.ForEach(e => Fates.Add((e.Message.Id, $"purged from '{name}'")));
        queue.Ready.Clear();
        Pump(queue);
        return $"purged {ready}";
    }

    private string Bind(ModelChannel channel, Command.Bind command)
    {
        if (command.Exchange.Length == 0)
        {
            throw Fail(channel, 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
        }

        ModelBinding binding = new(command.Exchange, command.Queue, command.Key);
        if (!command.Unbind)
        {
            FindExchange(channel, command.Exchange);
        }

        if (_queues.Find(q => q.Name == command.Queue) is { } queue && (!command.Unbind || _bindings.Contains(binding)))
        {
            CheckOwner(channel, queue);
        }

        if (command.Unbind)
        {
            _bindings.Remove(binding);
            _topologyChanges++;
            return "ok";
        }

        FindQueue(channel, command.Queue);
        if (!_bindings.Contains(binding))
        {
            _bindings.Add(binding);
            _topologyChanges++;
        }

        return "ok";
    }

    /// <summary>Ends a queue for whatever reason: its consumers are told, its messages and bindings go, publishes that wait are refused.</summary>
    private void RemoveQueue(ModelQueue queue)
    {
        if (!_queues.Remove(queue))
        {
            return;
        }

        _bindings.RemoveAll(b => b.Queue == queue.Name);
        _topologyChanges++;
        queue.Ready.ForEach(e => Fates.Add((e.Message.Id, $"went with '{queue.Name}'")));
        foreach (ModelDelivery delivery in _channels.SelectMany(static c => c.Unacked).Where(d => d.Entry.Queue == queue))
        {
            Fates.Add((delivery.Entry.Message.Id, $"handed over when '{queue.Name}' went"));
        }

        queue.Ready.Clear();
        foreach ((ModelMessage message, ModelPublish? publish) in queue.Waiting)
        {
            Fates.Add((message.Id, $"waited when '{queue.Name}' went"));
            if (publish is not null)
            {
                publish.OpenQueues--;
                publish.LostItsQueue = true;
            }
        }

        queue.Waiting.Clear();
        foreach (ModelConsumer consumer in queue.Consumers.ToList())
        {
            EndConsumer(consumer, ConsumerEnd.QueueGone);
        }
    }

    private ModelExchange FindExchange(ModelChannel channel, string name)
        => _exchanges.Find(x => x.Name == name) ?? throw Fail(channel, 404, $"NOT_FOUND - no exchange '{name}' in vhost '{VirtualHost}'");

    private ModelQueue FindQueue(ModelChannel channel, string name)
    {
        ModelQueue queue = _queues.Find(q => q.Name == name) ?? throw Fail(channel, 404, $"NOT_FOUND - no queue '{name}' in vhost '{VirtualHost}'");
        CheckOwner(channel, queue);
        return queue;
    }

    private void CheckOwner(ModelChannel channel, ModelQueue queue)
    {
        if (queue.Owner is not null && queue.Owner != channel.Connection)
        {
            throw Fail(channel, 405, LockedText(queue.Name));
        }
    }

    private static string LockedText(string queue)
        => $"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '{VirtualHost}'. It could be originally declared on "
            + "another connection or the exclusive property value does not match that of the original declaration.";

    private void Compare(ModelChannel channel, string subject, string property, object wanted, object current)
    {
        if (!wanted.Equals(current))
        {
            string received = Text(wanted).ToLowerInvariant();
            throw Fail(channel, 406, $"PRECONDITION_FAILED - inequivalent arg '{property}' for {subject} in vhost '{VirtualHost}': "
                + $"received '{received}' but current is '{Text(current).ToLowerInvariant()}'");
        }
    }

    private void CompareArgument(ModelChannel channel, string subject, string argument, HeaderTable wanted, HeaderTable current)
    {
        object? received = wanted.GetValueOrDefault(argument);
        object? existing = current.GetValueOrDefault(argument);
        if (Text(received) == Text(existing))
        {
            return;
        }

        string difference = (received, existing) switch
        {
            (not null, not null) => $"received '{Text(received)}' but current is '{Text(existing)}'",
            (not null, null) => $"received {Typed(received)} but current is none",
            _ => $"received none but current is {Typed(existing!)}",
        };
        throw Fail(channel, 406, $"PRECONDITION_FAILED - inequivalent arg '{argument}' for {subject} in vhost '{VirtualHost}': {difference}");
    }

    private static string Typed(object value)
        => $"the value '{Text(value)}' of type '{value switch { string => "longstr", int => "signedint", long => "long", _ => "?" }}'";
}
