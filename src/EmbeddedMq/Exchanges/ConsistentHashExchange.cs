using System.Globalization;
using System.Numerics;
using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>Routes to one destination, always the same one for the same key, in proportion to the weights that the binding keys are.</summary>
/// <remarks>
/// Hashed is the routing key, or the header named by the argument <c>hash-header</c>, or the property named by <c>hash-property</c>; a
/// message without it counts as having the empty string. Of two bindings of one queue the later has no effect while the earlier exists.
/// Source: RabbitMQ's consistent hash exchange plugin; see <see cref="WeightedShards"/> for the hashing, which is our own.
/// </remarks>
internal sealed class ConsistentHashExchange : Exchange
{
    private const string MessageId = "message_id";
    private const string CorrelationId = "correlation_id";
    private const string Timestamp = "timestamp";

    private readonly WeightedShards _shards = new();
    private readonly string? _header;
    private readonly string? _property;

    /// <summary>Makes one.</summary>
    /// <param name="virtualHost">The name of the virtual host, for texts.</param>
    /// <param name="declaration">What it was declared with.</param>
    /// <exception cref="ChannelException">406: both arguments, an unknown property, or an argument that is not a string.</exception>
    internal ConsistentHashExchange(string virtualHost, ExchangeDeclaration declaration)
        : base(declaration)
    {
        _header = ExchangeFactory.GetStringArgument(virtualHost, declaration, ExchangeArgument.HashHeader);
        _property = ExchangeFactory.GetStringArgument(virtualHost, declaration, ExchangeArgument.HashProperty);
        if (_header is not null && _property is not null)
        {
            throw MqErrors.HashArgumentsExclusive(declaration.Name);
        }

        if (_property is not (null or MessageId or CorrelationId or Timestamp))
        {
            throw MqErrors.UnsupportedHashProperty(declaration.Name, _property);
        }
    }

    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => _header is null && _property is null;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
    {
        if (_shards.Find(HashOf(message)) is { } destination)
        {
            destinations.Add(destination);
        }
    }

    /// <inheritdoc/>
    internal override void ValidateBinding(Binding binding) => _ = WeightOf(binding);

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => _shards.Add(binding.Destination, WeightOf(binding));

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => _shards.Remove(binding.Destination, WeightOf(binding));

    private static long WeightOf(Binding binding)
    {
        if (!BigInteger.TryParse(binding.RoutingKey, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out BigInteger weight))
        {
            throw MqErrors.HashWeightNotInteger(binding.RoutingKey);
        }

        return weight < 1
            ? throw MqErrors.HashWeightNotPositive(binding.RoutingKey)
            : (long)BigInteger.Min(weight, long.MaxValue);
    }

    private ulong HashOf(in RoutingContext message)
    {
        if (_header is not null)
        {
            return StableHash.OfValue(message.Headers.TryGetValue(_header, out object? value) ? value : "");
        }

        return _property switch
        {
            MessageId => StableHash.OfText(message.Properties.MessageId),
            CorrelationId => StableHash.OfText(message.Properties.CorrelationId),
            Timestamp when message.Properties.Timestamp is { } time => StableHash.OfValue(time),
            Timestamp => StableHash.OfText(""),
            _ => StableHash.OfText(message.RoutingKey),
        };
    }
}
