namespace EmbeddedMq.Bindings;

/// <summary>Destinations by binding keys of words between dots, where <c>*</c> stands for one word and <c>#</c> for none or more.</summary>
/// <remarks>
/// <para>Words: the empty key has none; otherwise there is one more than there are dots, and words may be empty: <c>a.</c> is "a" and "".
/// Only a whole word is a wildcard: <c>a*</c> is a word like any other. Source: AMQP 0-9-1 §3.1.3.3; RabbitMQ measured.</para>
/// <para>One writer at a time; readers beside it take no lock. Adding and removing cost O(length of the key). Matching follows only the
/// branches that the routing key can take: its cost does not grow with bindings that have other words, and even with many <c>#</c> no
/// node is tried twice for the same words left.</para>
/// </remarks>
internal sealed class TopicTrie
{
    private readonly TopicNode _root = new("", 0, 0, parent: null);

    /// <summary>Whether it holds no binding key, and no node but the root.</summary>
    internal bool IsEmpty => _root.IsEmpty;

    /// <summary>Adds a destination under a binding key.</summary>
    /// <param name="bindingKey">The key.</param>
    /// <param name="destination">The destination.</param>
    internal void Add(string bindingKey, IDestination destination)
    {
        TopicNode node = _root;
        for (int start = FirstWord(bindingKey); HasWord(bindingKey, start);)
        {
            ReadOnlySpan<char> word = WordAt(bindingKey, start);
            TopicNode? child = node.Find(word);
            if (child is null)
            {
                // Readers find the branch at once, leading nowhere until its end has the destination.
                child = new TopicNode(bindingKey, start, word.Length, node);
                node.Add(child);
            }

            node = child;
            start += word.Length + 1;
        }

        node.Destinations.Add(destination);
    }

    /// <summary>Removes a destination from a binding key, once, and the nodes that then lead nowhere.</summary>
    /// <param name="bindingKey">The key.</param>
    /// <param name="destination">The destination.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(string bindingKey, IDestination destination)
        => Remove(_root, bindingKey, FirstWord(bindingKey), destination);

    /// <summary>Adds the destinations of all binding keys that match to a set.</summary>
    /// <param name="routingKey">The routing key; wildcards in it are words like any other.</param>
    /// <param name="destinations">The set.</param>
    internal void Match(string routingKey, DestinationSet destinations)
        => new TopicMatcher(routingKey, destinations).Walk(_root);

    /// <summary>Where the first word of a key begins.</summary>
    /// <param name="key">The key.</param>
    internal static int FirstWord(ReadOnlySpan<char> key) => key.IsEmpty ? 1 : 0;

    /// <summary>Whether a word begins there; after the last one, the next would begin two behind its end.</summary>
    /// <param name="key">The key.</param>
    /// <param name="start">The place.</param>
    internal static bool HasWord(ReadOnlySpan<char> key, int start) => start <= key.Length;

    /// <summary>The word that begins there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="start">The place, at which <see cref="HasWord"/>. The next word begins one behind this one's end.</param>
    internal static ReadOnlySpan<char> WordAt(ReadOnlySpan<char> key, int start)
    {
        ReadOnlySpan<char> rest = key[start..];
        int length = rest.IndexOf('.');
        return length < 0 ? rest : rest[..length];
    }

    private static bool Remove(TopicNode node, string bindingKey, int start, IDestination destination)
    {
        if (!HasWord(bindingKey, start))
        {
            return node.Destinations.Remove(destination);
        }

        ReadOnlySpan<char> word = WordAt(bindingKey, start);
        TopicNode? child = node.Find(word);
        if (child is null || !Remove(child, bindingKey, start + word.Length + 1, destination))
        {
            return false;
        }

        if (child.IsEmpty)
        {
            node.Remove(child);
        }

        return true;
    }
}
