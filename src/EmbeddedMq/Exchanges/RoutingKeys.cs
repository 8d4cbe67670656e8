using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>All keys that a message is routed with: its routing key, then those of the headers CC and BCC.</summary>
/// <remarks>
/// Keep them beside the message: dead-lettering without a routing key of its own uses them all again, and BCC is no longer in the headers
/// by then. Source: RabbitMQ, sender-selected distribution.
/// </remarks>
internal readonly struct RoutingKeys
{
    private const string Cc = "CC";
    private const string Bcc = "BCC";

    private readonly string[]? _additional;

    /// <summary>Makes keys.</summary>
    /// <param name="primary">The routing key.</param>
    /// <param name="additional">Further keys; <see langword="null"/> for none.</param>
    internal RoutingKeys(string primary, string[]? additional = null)
    {
        Primary = primary;
        _additional = additional is { Length: > 0 } ? additional : null;
    }

    /// <summary>The routing key of the publish, which consumers see.</summary>
    internal string Primary { get; }

    /// <summary>The further keys: CC's, then BCC's; usually empty.</summary>
    internal ReadOnlySpan<string> Additional => _additional;

    /// <summary>The further keys to keep beside the message, or <see langword="null"/> when there are none.</summary>
    internal string[]? AdditionalOrNull => _additional;

    /// <summary>Whether there are keys beside <see cref="Primary"/>.</summary>
    internal bool HasAdditional => _additional is not null;

    /// <summary>Reads the keys of a message that is published.</summary>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="properties">The properties, whose headers CC and BCC hold lists of strings; items that are no strings are ignored.</param>
    /// <exception cref="ChannelException">406: CC or BCC is not a list.</exception>
    internal static RoutingKeys Read(string routingKey, MessageProperties properties)
    {
        HeaderTable? headers = properties.Headers;
        if (headers is null)
        {
            return new RoutingKeys(routingKey);
        }

        bool hasCc = headers.TryGetValue(Cc, out object? cc);
        bool hasBcc = headers.TryGetValue(Bcc, out object? bcc);
        if (!hasCc && !hasBcc)
        {
            return new RoutingKeys(routingKey);
        }

        List<string> keys = [];
        if (hasCc)
        {
            AddKeys(keys, Cc, cc);
        }

        if (hasBcc)
        {
            AddKeys(keys, Bcc, bcc);
        }

        return new RoutingKeys(routingKey, [.. keys]);
    }

    /// <summary>The message as it is delivered: without the header BCC. The same message when it has none.</summary>
    /// <param name="message">The message as it was published.</param>
    internal static Message WithoutBcc(Message message)
    {
        HeaderTable? headers = message.Properties.Headers;
        return headers is not null && headers.ContainsKey(Bcc)
            ? message.WithProperties(message.Properties with { Headers = headers.Without(Bcc) })
            : message;
    }

    private static void AddKeys(List<string> keys, string header, object? value)
    {
        // A nested table is no list, although it enumerates.
        if (value is HeaderTable or byte[] || value is not IReadOnlyList<object?> items)
        {
            throw MqErrors.UnacceptableTypeInHeader(header, value);
        }

        foreach (object? item in items)
        {
            if (item is string key)
            {
                keys.Add(key);
            }
        }
    }
}
