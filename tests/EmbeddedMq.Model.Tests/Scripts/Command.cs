namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>One call of the public API, complete in itself: connections, channels and consumers are named by numbers that the script gives
/// out, messages by their body. <see cref="object.ToString"/> is the readable step of a failure.</summary>
internal abstract record Command
{
    internal sealed record Connect(int Connection) : Command
    {
        public override string ToString() => $"open connection {Connection}";
    }

    internal sealed record CloseConnection(int Connection) : Command
    {
        public override string ToString() => $"close connection {Connection}";
    }

    internal sealed record OpenChannel(int Connection, int Channel, ChannelMode Mode) : Command
    {
        public override string ToString() => $"connection {Connection}: open channel {Channel} ({Mode})";
    }

    internal sealed record CloseChannel(int Channel) : Command
    {
        public override string ToString() => $"channel {Channel}: close";
    }

    internal sealed record DeclareExchange(int Channel, ExchangeDeclaration Exchange) : Command
    {
        public override string ToString() => $"channel {Channel}: declare exchange '{Exchange.Name}' type {Exchange.Type}"
            + (Exchange.IsDurable ? " durable" : "") + (Exchange.IsAutoDelete ? " auto-delete" : "") + Render.Arguments(Exchange.Arguments);
    }

    internal sealed record DeclareExchangePassive(int Channel, string Name) : Command
    {
        public override string ToString() => $"channel {Channel}: check exchange '{Name}'";
    }

    internal sealed record DeleteExchange(int Channel, string Name, bool IfUnused) : Command
    {
        public override string ToString() => $"channel {Channel}: delete exchange '{Name}'{(IfUnused ? " if unused" : "")}";
    }

    internal sealed record DeclareQueue(int Channel, QueueDeclaration Queue) : Command
    {
        public override string ToString() => $"channel {Channel}: declare queue '{Queue.Name}'" + (Queue.IsDurable ? " durable" : "")
            + (Queue.IsExclusive ? " exclusive" : "") + (Queue.IsAutoDelete ? " auto-delete" : "") + Render.Arguments(Queue.Arguments);
    }

    internal sealed record DeclareQueuePassive(int Channel, string Name) : Command
    {
        public override string ToString() => $"channel {Channel}: check queue '{Name}'";
    }

    internal sealed record DeleteQueue(int Channel, string Name, bool IfUnused, bool IfEmpty) : Command
    {
        public override string ToString() => $"channel {Channel}: delete queue '{Name}'{(IfUnused ? " if unused" : "")}{(IfEmpty ? " if empty" : "")}";
    }

    internal sealed record Purge(int Channel, string Name) : Command
    {
        public override string ToString() => $"channel {Channel}: purge queue '{Name}'";
    }

    internal sealed record Bind(int Channel, string Queue, string Exchange, string Key, bool Unbind) : Command
    {
        public override string ToString() => $"channel {Channel}: {(Unbind ? "unbind" : "bind")} queue '{Queue}' {(Unbind ? "from" : "to")} exchange '{Exchange}' key '{Key}'";
    }

    internal sealed record Publish(int Channel, string Exchange, string Key, string Id, int Size, byte? Priority, string? Expiration, bool Mandatory) : Command
    {
        public override string ToString() => $"channel {Channel}: publish {Id} to exchange '{Exchange}' key '{Key}' ({Size} bytes"
            + (Priority is { } p ? $", priority {p}" : "") + (Expiration is { } e ? $", expiration '{e}'" : "") + (Mandatory ? ", mandatory" : "") + ")";
    }

    internal sealed record Get(int Channel, string Queue, bool AutoAck) : Command
    {
        public override string ToString() => $"channel {Channel}: get from '{Queue}'{(AutoAck ? " auto-ack" : "")}";
    }

    internal sealed record Consume(int Channel, int Consumer, string Tag, string Queue, bool AutoAck, int? Prefetch, int Priority) : Command
    {
        /// <summary>Whether the script reads deliveries as soon as they are there, or with steps of their own.</summary>
        public bool Eager { get; init; }

        public override string ToString() => $"channel {Channel}: consume '{Queue}' as consumer {Consumer} tag '{Tag}'{(AutoAck ? " auto-ack" : "")}"
            + (Prefetch is { } prefetch ? $" prefetch {prefetch}" : "") + (Priority != 0 ? $" priority {Priority}" : "") + (Eager ? "" : " (reads late)");
    }

    internal sealed record Read(int Consumer) : Command
    {
        public override string ToString() => $"consumer {Consumer}: read";
    }

    internal sealed record Cancel(int Consumer) : Command
    {
        public override string ToString() => $"consumer {Consumer}: cancel";
    }

    internal sealed record DisposeConsumer(int Consumer) : Command
    {
        public override string ToString() => $"consumer {Consumer}: dispose";
    }

    internal sealed record Ack(int Channel, ulong Tag, bool Multiple) : Command
    {
        public override string ToString() => $"channel {Channel}: ack {Tag}{(Multiple ? " multiple" : "")}";
    }

    internal sealed record Nack(int Channel, ulong Tag, bool Multiple, bool Requeue) : Command
    {
        public override string ToString() => $"channel {Channel}: nack {Tag}{(Multiple ? " multiple" : "")}{(Requeue ? " requeue" : "")}";
    }

    internal sealed record Reject(int Channel, ulong Tag, bool Requeue) : Command
    {
        public override string ToString() => $"channel {Channel}: reject {Tag}{(Requeue ? " requeue" : "")}";
    }

    internal sealed record Recover(int Channel) : Command
    {
        public override string ToString() => $"channel {Channel}: recover";
    }

    internal sealed record SetPrefetch(int Channel, int Count, bool PerChannel) : Command
    {
        public override string ToString() => $"channel {Channel}: prefetch {Count}{(PerChannel ? " for the whole channel" : "")}";
    }

    internal sealed record Advance(int Milliseconds) : Command
    {
        public override string ToString() => $"advance the clock by {Milliseconds} ms";
    }
}
