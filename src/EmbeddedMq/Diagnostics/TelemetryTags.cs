namespace EmbeddedMq.Diagnostics;

/// <summary>Names of attributes. Those of <c>messaging.</c> and <c>error.</c> are OpenTelemetry's.</summary>
internal static class TelemetryTags
{
    internal const string System = "messaging.system";
    internal const string OperationName = "messaging.operation.name";
    internal const string OperationType = "messaging.operation.type";
    internal const string DestinationName = "messaging.destination.name";
    internal const string RoutingKey = "messaging.rabbitmq.destination.routing_key";
    internal const string DeliveryTag = "messaging.rabbitmq.message.delivery_tag";
    internal const string MessageId = "messaging.message.id";
    internal const string ConversationId = "messaging.message.conversation_id";
    internal const string BodySize = "messaging.message.body.size";
    internal const string ErrorType = "error.type";

    /// <summary>The broker's name.</summary>
    internal const string Broker = "embeddedmq.broker.name";

    /// <summary>The virtual host.</summary>
    internal const string VirtualHost = "embeddedmq.virtual_host";

    /// <summary>A log of the storage: journal, or backlog for what lives long.</summary>
    internal const string StorageLog = "embeddedmq.storage.log";

    /// <summary>Which attempt at handling a message a span is: 1, 2, 3 …</summary>
    internal const string Attempt = "embeddedmq.message.attempt";

    /// <summary>What became of a message after its handler: ack, retry, dead_letter, reject, requeue, defer, return.</summary>
    internal const string Settlement = "embeddedmq.settlement";

    /// <summary>What an idempotent consumer found of a message: processed, duplicate, conflict, busy.</summary>
    internal const string IdempotenceOutcome = "embeddedmq.idempotence.outcome";

    /// <summary>What remained at a stop: ready, returned or abandoned.</summary>
    internal const string Remainder = "embeddedmq.remainder";
}
