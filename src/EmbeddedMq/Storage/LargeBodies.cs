using System.Collections.Concurrent;

namespace EmbeddedMq.Storage;

/// <summary>Remembers where the bodies begin that lie before their records, so that a claim on the message is a claim on them too.</summary>
/// <remarks>Thread-safe. Only bodies that are stored in pieces are in it: usually none.</remarks>
/// <param name="claims">The claims by segment.</param>
internal sealed class LargeBodies(SegmentLedger claims)
{
    private readonly ConcurrentDictionary<ulong, Body> _bodies = new();

    /// <summary>Adds claims on a message with such a body.</summary>
    /// <param name="id">The message's id.</param>
    /// <param name="firstChunk">Where its body begins.</param>
    /// <param name="count">How many claims.</param>
    internal void Add(ulong id, long firstChunk, int count)
    {
        claims.Add(firstChunk, count);
        Interlocked.Add(ref _bodies.GetOrAdd(id, static (_, address) => new Body(address), firstChunk).Claims, count);
    }

    /// <summary>Gives up a claim on a message, if it has such a body.</summary>
    /// <param name="id">The message's id.</param>
    internal void Release(ulong id)
    {
        if (!_bodies.TryGetValue(id, out Body? body)) // asking whether the table is empty takes all its locks
        {
            return;
        }

        claims.Release(body.FirstChunk, 1);
        if (Interlocked.Decrement(ref body.Claims) == 0)
        {
            _bodies.TryRemove(id, out _);
        }
    }

    private sealed class Body(long firstChunk)
    {
        internal readonly long FirstChunk = firstChunk;
        internal int Claims;
    }
}
