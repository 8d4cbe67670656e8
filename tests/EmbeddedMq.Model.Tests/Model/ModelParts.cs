namespace EmbeddedMq.Model.Tests.Model;

// The state of the model: plain objects in plain lists. They sit in one file because together they are one page.

/// <summary>A message as it was published, or published again by dead-lettering.</summary>
internal sealed record ModelMessage(string Id, int Size, int? Priority, string? Expiration, string Exchange, string Key)
{
    /// <summary>The newest first, one for each queue and reason.</summary>
    public IReadOnlyList<ModelDeath> Deaths { get; init; } = [];
}

/// <summary>One entry of <c>x-death</c>.</summary>
internal sealed record ModelDeath(string Queue, string Reason, int Count, long Second, string Exchange, string Key, string? Expiration);

/// <summary>One message in one queue.</summary>
internal sealed class ModelEntry(ModelQueue queue, ModelMessage message, long position, long? expiresAt)
{
    public ModelQueue Queue { get; } = queue;

    public ModelMessage Message { get; } = message;

    /// <summary>The place in the queue that it keeps over every requeue.</summary>
    public long Position { get; } = position;

    public long? ExpiresAt { get; } = expiresAt;

    public int Level => Math.Min(Message.Priority ?? 0, Queue.MaxPriority);

    public int FailedDeliveries { get; set; }

    public bool Redelivered { get; set; }
}

/// <summary>One hand-over of an entry, until it is settled.</summary>
internal sealed class ModelDelivery(ulong tag, ModelEntry entry, ModelChannel channel, ModelConsumer? consumer)
{
    public ulong Tag { get; } = tag;

    public ModelEntry Entry { get; } = entry;

    public ModelChannel Channel { get; } = channel;

    /// <summary>Null for a message taken with get.</summary>
    public ModelConsumer? Consumer { get; } = consumer;

    public bool IsAutoAck => Consumer is { AutoAck: true };

    // Flags and counts as they were at the hand-over: the entry's own go on changing.
    public bool Redelivered { get; } = entry.Redelivered;

    public int FailedDeliveries { get; } = entry.FailedDeliveries;
}

/// <summary>A publish that waits for room in one or more queues.</summary>
internal sealed class ModelPublish(ModelChannel channel, ModelMessage message, ulong sequence)
{
    public ModelChannel Channel { get; } = channel;

    public ModelMessage Message { get; } = message;

    public ulong Sequence { get; } = sequence;

    public bool WasRouted { get; init; }

    public bool Refused { get; set; }

    public bool LostItsQueue { get; set; }

    /// <summary>Queues that have neither taken nor refused it yet.</summary>
    public int OpenQueues { get; set; }
}

/// <summary>A dead message on its way: once all queues have answered, its source counts it as dead-lettered or as dropped.</summary>
internal sealed class ModelLetter(ModelQueue source, ModelMessage message)
{
    public ModelQueue Source { get; } = source;

    public ModelMessage Message { get; } = message;

    public bool IsTaken { get; set; }

    public int OpenQueues { get; set; }
}

internal sealed class ModelQueue(QueueDeclaration declaration, ModelConnection? owner)
{
    public QueueDeclaration Declaration { get; } = declaration;

    public ModelConnection? Owner { get; } = owner;

    public string Name => Declaration.Name;

    public List<ModelEntry> Ready { get; } = [];

    /// <summary>Messages outside, in line for room. A dead letter has no publisher.</summary>
    public List<(ModelMessage Message, ModelPublish? Publish)> Waiting { get; } = [];

    public List<ModelConsumer> Consumers { get; } = [];

    /// <summary>The consumers that take part, in the order of their turns: the one at the front is next. One whose turn comes when it has
    /// no credit leaves, and comes back at the end when it has some.</summary>
    public List<ModelConsumer> Turns { get; } = [];

    public long LastUsed { get; set; }

    public long NextPosition { get; set; }

    public long? Ttl => Number(QueueArgument.MessageTtl);

    public long? Expires => Number(QueueArgument.Expires);

    public long? MaxLength => Number(QueueArgument.MaxLength);

    public long? MaxBytes => Number(QueueArgument.MaxLengthBytes);

    public long? DeliveryLimit => Number(QueueArgument.DeliveryLimit);

    public int MaxPriority => (int)(Number(QueueArgument.MaxPriority) ?? 0);

    public string Overflow => Text(QueueArgument.Overflow) ?? "drop-head";

    public string? DeadLetterExchange => Text(QueueArgument.DeadLetterExchange);

    public string? DeadLetterKey => Text(QueueArgument.DeadLetterRoutingKey);

    public long ReadyBytes => Ready.Sum(static entry => (long)entry.Message.Size);

    public int EnqueuedTotal { get; set; }

    public int AckedTotal { get; set; }

    public int RequeuedTotal { get; set; }

    public int DeadLetteredTotal { get; set; }

    public int DroppedTotal { get; set; }

    public int PurgedTotal { get; set; }

    public int RefusedTotal { get; set; }

    private long? Number(string argument)
        => HeaderTable.TryGetInteger(Declaration.Arguments.GetValueOrDefault(argument), out long number) ? number : null;

    private string? Text(string argument) => Declaration.Arguments.GetValueOrDefault(argument) as string;
}

internal sealed record ModelExchange(ExchangeDeclaration Declaration)
{
    public string Name => Declaration.Name;

    public string? Alternate => Declaration.Arguments.GetValueOrDefault("alternate-exchange") as string;
}

internal sealed record ModelBinding(string Exchange, string Queue, string Key);

internal sealed class ModelConsumer(int id, string tag, ModelChannel channel, ModelQueue queue, bool autoAck, int credit, int priority)
{
    public int Id { get; } = id;

    public string Tag { get; } = tag;

    public ModelChannel Channel { get; } = channel;

    public ModelQueue Queue { get; } = queue;

    public bool AutoAck { get; } = autoAck;

    /// <summary>How many more deliveries it may be handed.</summary>
    public int Credit { get; set; } = credit;

    /// <summary>Left the turns for want of credit.</summary>
    public bool IsStarved { get; set; }

    public int Priority { get; } = priority;

    public ConsumerEnd? End { get; set; }

    /// <summary>Handed over and not read yet.</summary>
    public List<ModelDelivery> Mailbox { get; } = [];
}

internal sealed class ModelChannel(int id, ModelConnection connection, ChannelMode mode)
{
    public int Id { get; } = id;

    public ModelConnection Connection { get; } = connection;

    public ChannelMode Mode { get; } = mode;

    public string? Closed { get; set; }

    public ulong LastTag { get; set; }

    public ulong LastSequence { get; set; }

    public int DefaultPrefetch { get; set; }

    public int Window { get; set; }

    /// <summary>Places in it of deliveries that are being settled.</summary>
    public int ReturningPlaces { get; set; }

    public List<ModelConsumer> Consumers { get; } = [];

    /// <summary>In the order of their tags.</summary>
    public List<ModelDelivery> Unacked { get; } = [];
}

internal sealed class ModelConnection(int id)
{
    public int Id { get; } = id;

    public string? Closed { get; set; }

    public List<ModelChannel> Channels { get; } = [];
}
