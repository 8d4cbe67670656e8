namespace EmbeddedMq.Bindings;

/// <summary>A pattern's place in a <see cref="HeadersBucket"/>.</summary>
/// <param name="pattern">The pattern.</param>
/// <param name="bucket">The bucket.</param>
internal sealed class HeadersLink(HeadersPattern pattern, HeadersBucket bucket)
{
    private HeadersLink? _next;

    /// <summary>The pattern.</summary>
    internal HeadersPattern Pattern { get; } = pattern;

    /// <summary>The bucket.</summary>
    internal HeadersBucket Bucket { get; } = bucket;

    /// <summary>The next one in the bucket. A link that was removed keeps it, so that a reader who stands there finds its way on.</summary>
    internal HeadersLink? Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    /// <summary>The one before it in the bucket; for the writer.</summary>
    internal HeadersLink? Previous { get; set; }

    /// <summary>The next place of the same pattern; for the writer.</summary>
    internal HeadersLink? NextOfPattern { get; init; }
}
