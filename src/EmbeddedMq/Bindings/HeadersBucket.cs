namespace EmbeddedMq.Bindings;

/// <summary>The patterns to try for messages that have a certain header: a chain, youngest first.</summary>
/// <remarks>One writer at a time; readers beside it take no lock.</remarks>
/// <param name="key">The hash code under which the index has it.</param>
internal sealed class HeadersBucket(ulong key)
{
    private HeadersLink? _first;

    /// <summary>The hash code under which the index has it.</summary>
    internal ulong Key { get; } = key;

    /// <summary>How many patterns it has; for the writer.</summary>
    internal int Count { get; private set; }

    /// <summary>Adds a pattern's place.</summary>
    /// <param name="link">The place.</param>
    internal void Add(HeadersLink link)
    {
        link.Next = _first;
        if (_first is not null)
        {
            _first.Previous = link;
        }

        Volatile.Write(ref _first, link);
        Count++;
    }

    /// <summary>Removes a pattern's place.</summary>
    /// <param name="link">The place.</param>
    internal void Remove(HeadersLink link)
    {
        HeadersLink? next = link.Next;
        if (link.Previous is null)
        {
            Volatile.Write(ref _first, next);
        }
        else
        {
            link.Previous.Next = next;
        }

        if (next is not null)
        {
            next.Previous = link.Previous;
        }

        Count--;
    }

    /// <summary>Adds the destinations of the patterns that match to a set.</summary>
    /// <param name="headers">The message's headers.</param>
    /// <param name="destinations">The set.</param>
    internal void Match(HeaderTable headers, DestinationSet destinations)
    {
        for (HeadersLink? link = Volatile.Read(ref _first); link is not null; link = link.Next)
        {
            if (link.Pattern.Matches(headers))
            {
                destinations.Add(link.Pattern.Destination);
            }
        }
    }
}
