namespace EmbeddedMq.Channels;

/// <summary>How long a channel's oldest unsettled delivery has been out, by looks that are taken now and then: nothing is noted with a delivery itself.</summary>
/// <remarks>Each look notes which tag would have been given next, so that all below it were out by then. Not thread-safe.</remarks>
internal sealed class DeliveryAges
{
    private readonly Queue<(long AtMs, ulong Next)> _looks = new(); // with tags that grow
    private ulong _last; // the tag of the last of them

    /// <summary>Looks.</summary>
    /// <param name="nowMs">The time now, in milliseconds.</param>
    /// <param name="oldest">The tag of the oldest unsettled delivery; <paramref name="next"/> when there is none.</param>
    /// <param name="next">The tag that will be given next.</param>
    /// <returns>How long that delivery has been out at least, in milliseconds; 0 when there is none.</returns>
    internal long Look(long nowMs, ulong oldest, ulong next)
    {
        while (_looks.TryPeek(out (long AtMs, ulong Next) look) && look.Next <= oldest)
        {
            _looks.Dequeue(); // what was out by then is settled
        }

        if (oldest < next && (_looks.Count == 0 || _last < next))
        {
            _looks.Enqueue((nowMs, next));
            _last = next;
        }

        return oldest < next ? nowMs - _looks.Peek().AtMs : 0;
    }
}
