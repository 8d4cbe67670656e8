namespace EmbeddedMq.VirtualHosts;

/// <summary>The exchanges that every virtual host has from its beginning, beside the default exchange.</summary>
internal static class PredeclaredExchanges
{
    /// <summary>They, as RabbitMQ declares them: durable.</summary>
    internal static IReadOnlyList<ExchangeDeclaration> All { get; } =
    [
        new ExchangeDeclaration("amq.direct", ExchangeType.Direct).Durable(),
        new ExchangeDeclaration("amq.fanout", ExchangeType.Fanout).Durable(),
        new ExchangeDeclaration("amq.topic", ExchangeType.Topic).Durable(),
        new ExchangeDeclaration("amq.headers", ExchangeType.Headers).Durable(),
        new ExchangeDeclaration("amq.match", ExchangeType.Headers).Durable(),

        // Nothing traces into it yet; it is there because clients may declare it passively or bind to it.
        new ExchangeDeclaration("amq.rabbitmq.trace", ExchangeType.Topic).Durable().Internal(),
    ];

    /// <summary>The one of a name, or <see langword="null"/>.</summary>
    /// <param name="name">The name.</param>
    internal static ExchangeDeclaration? Find(string name) => All.FirstOrDefault(exchange => exchange.Name == name);
}
