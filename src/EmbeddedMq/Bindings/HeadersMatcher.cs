using System.Collections.Concurrent;

namespace EmbeddedMq.Bindings;

/// <summary>Destinations by headers bindings.</summary>
/// <remarks>
/// <para>An index leads from a header (its name and value, or its name alone) to the patterns to try, so that a message is compared with the
/// bindings that share a header with it and not with all of them. A pattern that needs all its headers is entered under one of them, that
/// with the fewest patterns; one that needs any is entered under each. What matches every message is in a bucket of its own, what matches
/// none is not in the index.</para>
/// <para>One writer at a time; readers beside it take no lock. Adding and removing cost O(number of arguments). The index knows hash codes
/// only: two headers with one code share a bucket, which costs a comparison.</para>
/// </remarks>
internal sealed class HeadersMatcher
{
    // A stripe of locks per processor would be wasted on one writer.
    private readonly ConcurrentDictionary<ulong, HeadersBucket> _index = new(concurrencyLevel: 1, capacity: 7);
    private readonly HeadersBucket _matchingAll = new(key: 0);

    // The writer's only.
    private readonly Dictionary<Binding, HeadersPattern> _patterns = new(ReferenceEqualityComparer.Instance);

    // Whether a binding ever asked for a header's presence; until then each header needs one look-up instead of two.
    private volatile bool _isPresenceAsked;

    /// <summary>How many headers the index has; for the writer.</summary>
    internal int BucketCount => _index.Count;

    /// <summary>Adds a binding.</summary>
    /// <param name="binding">The binding.</param>
    internal void Add(Binding binding)
    {
        HeadersPattern pattern = new(binding);
        _patterns.Add(binding, pattern);
        if (pattern.IsAny)
        {
            AddUnderEach(pattern);
        }
        else
        {
            AddUnderRarest(pattern);
        }
    }

    /// <summary>Removes a binding.</summary>
    /// <param name="binding">The binding, the same object that was added.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(Binding binding)
    {
        if (!_patterns.Remove(binding, out HeadersPattern? pattern))
        {
            return false;
        }

        for (HeadersLink? link = pattern.FirstLink; link is not null; link = link.NextOfPattern)
        {
            RemoveLink(link);
        }

        return true;
    }

    /// <summary>Adds the destinations of the bindings that match to a set.</summary>
    /// <param name="headers">The message's headers.</param>
    /// <param name="destinations">The set.</param>
    internal void Match(HeaderTable headers, DestinationSet destinations)
    {
        _matchingAll.Match(headers, destinations);
        bool isPresenceAsked = _isPresenceAsked;
        foreach (KeyValuePair<string, object?> header in headers.Entries)
        {
            ulong name = StableHash.OfText(header.Key);
            if (_index.TryGetValue(KeyOfValue(name, header.Value), out HeadersBucket? bucket))
            {
                bucket.Match(headers, destinations);
            }

            if (isPresenceAsked && _index.TryGetValue(KeyOfPresence(name), out bucket))
            {
                bucket.Match(headers, destinations);
            }
        }
    }

    private void AddUnderEach(HeadersPattern pattern)
    {
        foreach (KeyValuePair<string, object?> argument in pattern.Arguments)
        {
            if (pattern.TakesPart(argument.Key))
            {
                AddLink(pattern, argument);
            }
        }
    }

    private void AddUnderRarest(HeadersPattern pattern)
    {
        KeyValuePair<string, object?>? rarest = null;
        int fewest = int.MaxValue;
        foreach (KeyValuePair<string, object?> argument in pattern.Arguments)
        {
            if (!pattern.TakesPart(argument.Key))
            {
                continue;
            }

            int count = _index.TryGetValue(KeyOf(argument), out HeadersBucket? bucket) ? bucket.Count : 0;
            if (count < fewest)
            {
                fewest = count;
                rarest = argument;
            }
        }

        if (rarest is { } chosen)
        {
            AddLink(pattern, chosen);
        }
        else
        {
            AddLink(pattern, _matchingAll);
        }
    }

    private void AddLink(HeadersPattern pattern, KeyValuePair<string, object?> argument)
    {
        ulong key = KeyOf(argument);
        if (!_index.TryGetValue(key, out HeadersBucket? bucket))
        {
            bucket = new HeadersBucket(key);
            _index[key] = bucket;
        }

        _isPresenceAsked |= argument.Value is null;
        AddLink(pattern, bucket);
    }

    private static void AddLink(HeadersPattern pattern, HeadersBucket bucket)
    {
        pattern.FirstLink = new HeadersLink(pattern, bucket) { NextOfPattern = pattern.FirstLink };
        bucket.Add(pattern.FirstLink);
    }

    private void RemoveLink(HeadersLink link)
    {
        HeadersBucket bucket = link.Bucket;
        bucket.Remove(link);
        if (bucket.Count == 0 && !ReferenceEquals(bucket, _matchingAll))
        {
            _index.TryRemove(bucket.Key, out _);
        }
    }

    private static ulong KeyOf(KeyValuePair<string, object?> argument)
    {
        ulong name = StableHash.OfText(argument.Key);
        return argument.Value is null ? KeyOfPresence(name) : KeyOfValue(name, argument.Value);
    }

    private static ulong KeyOfPresence(ulong name) => name;

    private static ulong KeyOfValue(ulong name, object? value) => StableHash.Combine(name, StableHash.OfValue(value));
}
