using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Routes by words between dots; in a binding key <c>*</c> matches one word, <c>#</c> none or more.</summary>
/// <param name="declaration">What it was declared with.</param>
internal sealed class TopicExchange(ExchangeDeclaration declaration) : Exchange(declaration)
{
    private readonly TopicTrie _trie = new();

    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => true;

    /// <inheritdoc/>
    internal override bool RoutesEveryKey => true;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
        => _trie.Match(message.RoutingKey, destinations);

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => _trie.Add(binding.RoutingKey, binding.Destination);

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => _trie.Remove(binding.RoutingKey, binding.Destination);
}
