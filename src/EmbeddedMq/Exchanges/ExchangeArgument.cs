namespace EmbeddedMq.Exchanges;

/// <summary>The arguments that exchanges know, beside those of bindings and messages that they look at.</summary>
internal static class ExchangeArgument
{
    /// <summary>Argument of every type: the exchange for messages that match nothing.</summary>
    internal const string AlternateExchange = "alternate-exchange";

    /// <summary>Argument of the consistent-hash type: the header to hash instead of the routing key.</summary>
    internal const string HashHeader = "hash-header";

    /// <summary>Argument of the consistent-hash type: the property to hash instead of the routing key.</summary>
    internal const string HashProperty = "hash-property";

    /// <summary>Argument of the delayed type: the type that routes what is due.</summary>
    internal const string DelayedType = "x-delayed-type";

    /// <summary>Header of a message to a delayed exchange: milliseconds to wait.</summary>
    internal const string Delay = "x-delay";
}
