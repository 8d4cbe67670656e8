namespace EmbeddedMq.Bindings;

/// <summary>One walk of a routing key through a <see cref="TopicTrie"/>.</summary>
/// <remarks>
/// <code>
/// at a node, with the words left    go on to              with
/// none left                         (the node's destinations match)
/// any number                        the node's #          the same words, then one less, … then none
/// one or more                       the word's node       one word less
/// one or more                       the node's *          one word less
/// </code>
/// A # below another # would be reached once for each number of words that the upper one took. Its first visit is the one with the most
/// words left, because the upper one takes few words first, and that visit tries everything the later ones would: so they are left out.
/// </remarks>
/// <param name="routingKey">The routing key.</param>
/// <param name="destinations">Where to add what matches.</param>
internal readonly ref struct TopicMatcher(ReadOnlySpan<char> routingKey, DestinationSet destinations)
{
    // Empty between walks. Only keys like a.#.b.# need it, so it is kept for each thread rather than for each caller.
    [ThreadStatic]
    private static HashSet<TopicNode>? _visited;

    private readonly ReadOnlySpan<char> _routingKey = routingKey;

    /// <summary>Walks from the root.</summary>
    /// <param name="root">The root.</param>
    internal void Walk(TopicNode root)
    {
        Visit(root, TopicTrie.FirstWord(_routingKey));
        if (_visited is { Count: > 0 } visited)
        {
            visited.Clear();
        }
    }

    private void Visit(TopicNode node, int start)
    {
        if (node.HashWord is { } hash)
        {
            VisitHash(hash, start);
        }

        if (!TopicTrie.HasWord(_routingKey, start))
        {
            node.Destinations.CollectInto(destinations);
            return;
        }

        ReadOnlySpan<char> word = TopicTrie.WordAt(_routingKey, start);
        if (node.FindLiteral(word) is { } literal)
        {
            Visit(literal, start + word.Length + 1);
        }

        if (node.Star is { } star)
        {
            Visit(star, start + word.Length + 1);
        }
    }

    private void VisitHash(TopicNode hash, int start)
    {
        if (hash.IsBelowHash && !(_visited ??= []).Add(hash))
        {
            return;
        }

        // The usual # is the last word, and takes all the words there are.
        while (!hash.IsLeaf && TopicTrie.HasWord(_routingKey, start))
        {
            Visit(hash, start);
            start += TopicTrie.WordAt(_routingKey, start).Length + 1;
        }

        Visit(hash, _routingKey.Length + 1);
    }
}
