namespace EmbeddedMq.Bindings;

/// <summary>A place in a <see cref="TopicTrie"/>: the binding keys that begin with the same words.</summary>
/// <remarks>One writer at a time; readers beside it take no lock.</remarks>
/// <param name="key">A binding key that has the node's word.</param>
/// <param name="start">Where in it the word begins.</param>
/// <param name="length">How long the word is.</param>
/// <param name="parent">The node of the word before; <see langword="null"/> for the root.</param>
internal sealed class TopicNode(string key, int start, int length, TopicNode? parent) : KeyedEntry(key, start, length)
{
    /// <summary>The destinations of the binding key that ends here. A field, because it is changed in place.</summary>
    internal Destinations Destinations;

    // Nothing, the only child, or a KeyedTable of them. Most nodes of a large trie have one child or none.
    private object? _children;
    private TopicNode? _star;
    private TopicNode? _hash;

    /// <summary>Whether a <c>#</c> comes before this word, so that it may be reached at many places of one routing key.</summary>
    internal bool IsBelowHash { get; } = parent is not null && (parent.IsBelowHash || parent.Key is "#");

    /// <summary>The node behind <c>*</c>, or <see langword="null"/>.</summary>
    internal TopicNode? Star => Volatile.Read(ref _star);

    /// <summary>The node behind <c>#</c>, or <see langword="null"/>.</summary>
    internal TopicNode? HashWord => Volatile.Read(ref _hash);

    /// <summary>Whether no longer binding key goes on from here.</summary>
    internal bool IsLeaf => Volatile.Read(ref _children) is null && Star is null && HashWord is null;

    /// <summary>Whether it leads to nothing, and may go.</summary>
    internal bool IsEmpty => Destinations.IsEmpty && IsLeaf;

    /// <summary>The node behind a word that is not a wildcard, or <see langword="null"/>.</summary>
    /// <param name="word">The word; may be empty.</param>
    internal TopicNode? FindLiteral(ReadOnlySpan<char> word)
    {
        object? children = Volatile.Read(ref _children);
        return children switch
        {
            null => null,
            TopicNode only => only.Key.SequenceEqual(word) ? only : null,
            _ => (TopicNode?)((KeyedTable)children).Find(word),
        };
    }

    /// <summary>The node behind a word of a binding key, wildcard or not, or <see langword="null"/>.</summary>
    /// <param name="word">The word.</param>
    internal TopicNode? Find(ReadOnlySpan<char> word) => word switch
    {
        "*" => _star,
        "#" => _hash,
        _ => FindLiteral(word),
    };

    /// <summary>Adds a node behind a word that has none yet.</summary>
    /// <param name="child">The node.</param>
    internal void Add(TopicNode child)
    {
        switch (child.Key)
        {
            case "*":
                Volatile.Write(ref _star, child);
                break;
            case "#":
                Volatile.Write(ref _hash, child);
                break;
            default:
                AddLiteral(child);
                break;
        }
    }

    /// <summary>Removes a node.</summary>
    /// <param name="child">The node.</param>
    internal void Remove(TopicNode child)
    {
        if (ReferenceEquals(child, _star))
        {
            Volatile.Write(ref _star, null);
        }
        else if (ReferenceEquals(child, _hash))
        {
            Volatile.Write(ref _hash, null);
        }
        else if (ReferenceEquals(child, _children))
        {
            Volatile.Write(ref _children, null);
        }
        else if (_children is KeyedTable table && table.Remove(child) && table.Count == 0)
        {
            Volatile.Write(ref _children, null);
        }
    }

    private void AddLiteral(TopicNode child)
    {
        switch (_children)
        {
            case null:
                Volatile.Write(ref _children, child);
                break;
            case TopicNode only:
                KeyedTable both = new();
                both.Add(only);
                both.Add(child);
                Volatile.Write(ref _children, both);
                break;
            default:
                ((KeyedTable)_children).Add(child);
                break;
        }
    }
}
