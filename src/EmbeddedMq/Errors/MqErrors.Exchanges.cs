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

    /// <summary>406: an argument of an exchange has the wrong type.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="argument">The argument.</param>
    /// <param name="type">The AMQP type it has.</param>
    internal static ChannelException InvalidTypeOfExchangeArgument(string virtualHost, string exchange, string argument, string type) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid type '{type}' for arg '{argument}' in {ExchangeIn(virtualHost, exchange)}",
        "Give a string.",
        exchange);

    /// <summary>406: <c>x-match</c> of a headers binding is a string of another meaning.</summary>
    /// <param name="value">Its value.</param>
    internal static ChannelException InvalidMatchValue(string value) => Channel(
        ReplyCode.PreconditionFailed,
        $"Invalid x-match field value {ErlangTerm.Format(value)}; expected all, any, all-with-x, or any-with-x",
        "Leave x-match out for all.");

    /// <summary>406: <c>x-match</c> of a headers binding is not a string.</summary>
    /// <param name="value">Its value.</param>
    internal static ChannelException InvalidMatchType(object? value) => Channel(
        ReplyCode.PreconditionFailed,
        $"Invalid x-match field type {ErlangTerm.TypeOf(value)} (value {ErlangTerm.Format(value)}); expected longstr",
        "Give one of the strings all, any, all-with-x and any-with-x.");

    /// <summary>406: the key of a binding to a consistent-hash exchange is not a number.</summary>
    /// <param name="routingKey">The binding key.</param>
    internal static ChannelException HashWeightNotInteger(string routingKey) => Channel(
        ReplyCode.PreconditionFailed,
        $"The binding key must be an integer: {ErlangTerm.Format(routingKey)}",
        "The binding key is the destination's weight: a whole number in decimal digits, usually 1.");

    /// <summary>406: the key of a binding to a consistent-hash exchange is zero or less.</summary>
    /// <param name="routingKey">The binding key.</param>
    internal static ChannelException HashWeightNotPositive(string routingKey) => Channel(
        ReplyCode.PreconditionFailed,
        "The binding key must be greater than 0",
        $"The binding key is the destination's weight, and was '{routingKey}': give 1 or more, or remove the binding.");

    /// <summary>406: a consistent-hash exchange hashes a header or a property.</summary>
    /// <param name="exchange">The exchange.</param>
    internal static ChannelException HashArgumentsExclusive(string exchange) => Channel(
        ReplyCode.PreconditionFailed,
        "hash-header and hash-property are mutually exclusive",
        "Declare the exchange with one of the two arguments, or with neither to hash the routing key.",
        exchange);

    /// <summary>406: a property that a consistent-hash exchange cannot hash.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="property">The property.</param>
    internal static ChannelException UnsupportedHashProperty(string exchange, string property) => Channel(
        ReplyCode.PreconditionFailed,
        $"Unsupported property: {property}",
        "Give message_id, correlation_id or timestamp; for anything else set a header and name it in hash-header.",
        exchange);

    /// <summary>406: a binding of a local-random exchange has a key.</summary>
    /// <param name="routingKey">The binding key.</param>
    internal static ChannelException LocalRandomKeyNotEmpty(string routingKey) => Channel(
        ReplyCode.PreconditionFailed,
        $"Non empty binding '{routingKey}' key not permitted",
        "Bind with the empty key: the choice is random and looks at no key.");

    /// <summary>406: a binding of a local-random exchange leads to an exchange.</summary>
    /// <param name="destination">The exchange.</param>
    internal static ChannelException LocalRandomNeedsQueue(string destination) => Channel(
        ReplyCode.PreconditionFailed,
        "Destination not found",
        $"'{destination}' is an exchange, and an exchange of type x-local-random takes queues only; x-random takes both.",
        destination);

    /// <summary>406: a delayed exchange does not say by which type it routes.</summary>
    /// <param name="exchange">The exchange.</param>
    internal static ChannelException InvalidDelayedType(string exchange) => Channel(
        ReplyCode.PreconditionFailed,
        "Invalid argument, 'x-delayed-type' must be an existing exchange type",
        "Name in x-delayed-type the type that routes a message when it is due, for example direct; not x-delayed-message itself.",
        exchange);

    /// <summary>406: the header CC or BCC of a message is not a list.</summary>
    /// <param name="header">CC or BCC.</param>
    /// <param name="value">Its value.</param>
    internal static ChannelException UnacceptableTypeInHeader(string header, object? value) => Channel(
        ReplyCode.PreconditionFailed,
        $"invalid message: {{unacceptable_type_in_header,\"{header}\",{ErlangTerm.TypeOf(value)}}}",
        $"Give the keys in {header} as a list of strings, also when there is one only.");
}
