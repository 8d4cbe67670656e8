namespace EmbeddedMq.Exchanges;

/// <summary>What an exchange may look at when it routes a message with one key.</summary>
/// <param name="routingKey">The routing key: the publish's, or one of the keys in CC and BCC.</param>
/// <param name="properties">The message's properties.</param>
/// <param name="random">The randomness of the caller; used by one caller at a time.</param>
internal readonly struct RoutingContext(string routingKey, MessageProperties properties, Random random)
{
    /// <summary>The routing key.</summary>
    internal string RoutingKey { get; } = routingKey;

    /// <summary>The message's properties.</summary>
    internal MessageProperties Properties { get; } = properties;

    /// <summary>The message's headers; empty when none are set.</summary>
    internal HeaderTable Headers => Properties.Headers ?? HeaderTable.Empty;

    /// <summary>A seeded generator.</summary>
    internal Random Random { get; } = random;

    /// <summary>The same message with another of its keys.</summary>
    /// <param name="key">The key.</param>
    internal RoutingContext WithKey(string key) => new(key, Properties, Random);
}
