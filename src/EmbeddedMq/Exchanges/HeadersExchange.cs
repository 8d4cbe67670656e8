using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>Routes by the message's headers; keys do not matter.</summary>
/// <param name="declaration">What it was declared with.</param>
internal sealed class HeadersExchange(ExchangeDeclaration declaration) : Exchange(declaration)
{
    private readonly HeadersMatcher _matcher = new();

    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => false;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
        => _matcher.Match(message.Headers, destinations);

    /// <inheritdoc/>
    internal override void ValidateBinding(Binding binding)
    {
        if (!binding.Arguments.TryGetValue(HeadersPattern.MatchArgument, out object? match))
        {
            return; // all
        }

        if (match is not string text)
        {
            throw MqErrors.InvalidMatchType(match);
        }

        if (text is not (HeadersPattern.All or HeadersPattern.Any or HeadersPattern.AllWithX or HeadersPattern.AnyWithX))
        {
            throw MqErrors.InvalidMatchValue(text);
        }
    }

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => _matcher.Add(binding);

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => _matcher.Remove(binding);
}
