using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>Makes exchanges: the one place that knows every type.</summary>
internal static class ExchangeFactory
{
    /// <summary>Makes the default exchange, to which every queue is bound by its name.</summary>
    /// <param name="queues">The queues of the virtual host.</param>
    internal static Exchange CreateDefault(IQueueDirectory queues) => new DefaultExchange(queues);

    /// <summary>Checks a declaration's type and arguments, and makes the exchange.</summary>
    /// <param name="virtualHost">The name of the virtual host, for texts.</param>
    /// <param name="declaration">The declaration.</param>
    /// <exception cref="ChannelException">406: the type is unknown, or an argument is invalid.</exception>
    internal static Exchange Create(string virtualHost, ExchangeDeclaration declaration)
    {
        CheckType(declaration.Type);
        _ = GetStringArgument(virtualHost, declaration, ExchangeArgument.AlternateExchange);
        return CreateOfType(declaration.Type, virtualHost, declaration);
    }

    /// <summary>Whether there is a type of this name.</summary>
    /// <param name="type">The name; upper and lower case differ.</param>
    internal static bool IsKnown(string type) => type
        is ExchangeType.Direct or ExchangeType.Fanout or ExchangeType.Topic or ExchangeType.Headers
        or ExchangeType.ConsistentHash or ExchangeType.Random or ExchangeType.LocalRandom or ExchangeType.Delayed;

    /// <summary>Refuses a type that does not exist; a declaration of an exchange that exists is refused for it too.</summary>
    /// <param name="type">The type's name.</param>
    /// <exception cref="ChannelException">406: there is no such type.</exception>
    internal static void CheckType(string type)
    {
        if (!IsKnown(type))
        {
            throw MqErrors.UnknownExchangeType(type);
        }
    }

    /// <summary>Reads an argument that must be a string.</summary>
    /// <param name="virtualHost">The name of the virtual host, for texts.</param>
    /// <param name="declaration">The declaration.</param>
    /// <param name="argument">The argument.</param>
    /// <returns>Its value, or <see langword="null"/> when it is missing.</returns>
    /// <exception cref="ChannelException">406: it is not a string.</exception>
    internal static string? GetStringArgument(string virtualHost, ExchangeDeclaration declaration, string argument)
    {
        if (!declaration.Arguments.TryGetValue(argument, out object? value))
        {
            return null;
        }

        return value as string ?? throw MqErrors.InvalidTypeOfExchangeArgument(virtualHost, declaration.Name, argument, ErlangTerm.TypeOf(value));
    }

    private static Exchange CreateOfType(string type, string virtualHost, ExchangeDeclaration declaration) => type switch
    {
        ExchangeType.Direct => new DirectExchange(declaration),
        ExchangeType.Fanout => new FanoutExchange(declaration),
        ExchangeType.Topic => new TopicExchange(declaration),
        ExchangeType.Headers => new HeadersExchange(declaration),
        ExchangeType.ConsistentHash => new ConsistentHashExchange(virtualHost, declaration),
        ExchangeType.Random => new RandomExchange(declaration, isLocal: false),
        ExchangeType.LocalRandom => new RandomExchange(declaration, isLocal: true),
        ExchangeType.Delayed => CreateDelayed(virtualHost, declaration),
        _ => throw MqErrors.UnknownExchangeType(type),
    };

    private static DelayedExchange CreateDelayed(string virtualHost, ExchangeDeclaration declaration)
        => declaration.Arguments.GetValueOrDefault(ExchangeArgument.DelayedType) is string type && type != ExchangeType.Delayed && IsKnown(type)
            ? new DelayedExchange(declaration, CreateOfType(type, virtualHost, declaration))
            : throw MqErrors.InvalidDelayedType(declaration.Name);
}
