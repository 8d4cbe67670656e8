namespace EmbeddedMq.Errors;

/// <content>Errors about exchanges, bindings and routing.</content>
internal static partial class MqErrors
{
    /// <summary>404: there is no such exchange.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="exchange">The exchange.</param>
    internal static ChannelException ExchangeNotFound(string virtualHost, string exchange) => Channel(
        ReplyCode.NotFound,
        $"no {ExchangeIn(virtualHost, exchange)}",
        "Declare the exchange first, or check its name and the connection's virtual host.",
        exchange);

    /// <summary>403: the default exchange cannot be declared, bound, unbound or deleted.</summary>
    internal static ChannelException DefaultExchangeOperation() => Channel(
        ReplyCode.AccessRefused,
        "operation not permitted on the default exchange",
        "Every queue is bound to the default exchange by its own name; use an exchange with a name for other bindings.",
        "");

    /// <summary>403: names that begin with <c>amq.</c> are the broker's.</summary>
    /// <param name="exchange">The name.</param>
    internal static ChannelException ExchangeNameReserved(string exchange) => Channel(
        ReplyCode.AccessRefused,
        $"exchange name '{exchange}' contains reserved prefix 'amq.*'",
        "Choose a name without that prefix.",
        exchange);

    /// <summary>403: the predeclared exchanges stay.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="exchange">The exchange.</param>
    internal static ChannelException SystemExchangeDeletion(string virtualHost, string exchange) => Channel(
        ReplyCode.AccessRefused,
        $"deletion of system {ExchangeIn(virtualHost, exchange)} not allowed",
        "Leave the predeclared exchanges alone; they cost nothing while unused.",
        exchange);

    /// <summary>406: an exchange that is to go only when unused has bindings as a source.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="exchange">The exchange.</param>
    internal static ChannelException ExchangeInUse(string virtualHost, string exchange) => Channel(
        ReplyCode.PreconditionFailed,
        $"{ExchangeIn(virtualHost, exchange)} in use",
        "Remove its bindings first, or delete it without if-unused.",
        exchange);

    /// <summary>403: applications may not publish to an internal exchange.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="exchange">The exchange.</param>
    internal static ChannelException PublishToInternalExchange(string virtualHost, string exchange) => Channel(
        ReplyCode.AccessRefused,
        $"cannot publish to internal {ExchangeIn(virtualHost, exchange)}",
        "Publish to an exchange that is bound to it; messages reach an internal exchange through bindings, dead lettering and alternates only.",
        exchange);

    /// <summary>406: no such type of exchange. RabbitMQ 3 closed the connection with 503 instead; RabbitMQ 4 the channel.</summary>
    /// <param name="type">The type.</param>
    internal static ChannelException UnknownExchangeType(string type) => Channel(
        ReplyCode.PreconditionFailed,
        $"unknown exchange type '{type}'",
        "Use one of the types in ExchangeType.");

    /// <summary>406: the header CC or BCC of a message is not a list.</summary>
    /// <param name="header">CC or BCC.</param>
    /// <param name="value">Its value.</param>
    internal static ChannelException UnacceptableTypeInHeader(string header, object? value) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid message: {{unacceptable_type_in_header,\"{header}\",{ErlangTerm.TypeOf(value)}}}",
        $"Give the keys in {header} as a list of strings, also when there is one only.");
}
