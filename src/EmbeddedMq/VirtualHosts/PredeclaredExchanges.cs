namespace EmbeddedMq.VirtualHosts;

/// <summary>The exchanges that every virtual host begins with, beside the default one.</summary>
internal static class PredeclaredExchanges
{
    /// <summary>All of them. Source: AMQP 0-9-1 §3.1.3; RabbitMQ adds the headers exchange under both names and the one for tracing.</summary>
    internal static IReadOnlyList<ExchangeDeclaration> All { get; } =
    [
        new ExchangeDeclaration("amq.direct", ExchangeType.Direct).Durable(),
        new ExchangeDeclaration("amq.fanout", ExchangeType.Fanout).Durable(),
        new ExchangeDeclaration("amq.topic", ExchangeType.Topic).Durable(),
        new ExchangeDeclaration("amq.headers", ExchangeType.Headers).Durable(),
        new ExchangeDeclaration("amq.match", ExchangeType.Headers).Durable(),
        new ExchangeDeclaration("amq.rabbitmq.trace", ExchangeType.Topic).Durable().Internal(),
    ];
}
