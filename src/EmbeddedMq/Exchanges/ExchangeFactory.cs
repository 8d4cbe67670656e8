using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>Makes exchanges: the one place that knows every type.</summary>
internal static class ExchangeFactory
{
    /// <summary>Checks a declaration's type and arguments, and makes the exchange.</summary>
    /// <param name="virtualHost">The name of the virtual host, for texts.</param>
    /// <param name="declaration">The declaration.</param>
    /// <exception cref="ChannelException">406: the type is unknown, or an argument is invalid.</exception>
    internal static Exchange Create(string virtualHost, ExchangeDeclaration declaration)
        => throw MqErrors.UnknownExchangeType(declaration.Type);

    /// <summary>Makes the default exchange, to which every queue is bound by its name.</summary>
    /// <param name="queues">The queues of the virtual host.</param>
    internal static Exchange CreateDefault(IQueueDirectory queues) => new DefaultExchange(queues);
}
