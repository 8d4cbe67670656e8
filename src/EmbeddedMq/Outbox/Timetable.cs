namespace EmbeddedMq.Outbox;

/// <summary>The messages of a <see cref="MemoryOutboxStore"/> that may be taken: those that are due, in the order in which they were stored, and those
/// that will be, in the order of time. Not thread-safe: guarded by the store's gate.</summary>
/// <remarks>A message that is taken, held back by another of its order key, or failed is in neither.</remarks>
internal sealed class Timetable
{
    private readonly SortedSet<StoredMessage> _due = new(Comparer<StoredMessage>.Create(static (left, right) => left.Number.CompareTo(right.Number)));
    private readonly SortedSet<StoredMessage> _later = new(Comparer<StoredMessage>.Create(CompareByTime));

    /// <summary>When the next one becomes due of those that are not, or <see langword="null"/> if there are none.</summary>
    public DateTimeOffset? NextDueAt => _later.Min?.DueAt;

    /// <summary>How many are due, as far as <see cref="Promote"/> has been told the time.</summary>
    public int DueCount => _due.Count;

    /// <summary>Puts a message in, by its <see cref="StoredMessage.DueAt"/>, which must not change while it is in.</summary>
    /// <param name="message">The message.</param>
    /// <param name="now">The time.</param>
    public void Add(StoredMessage message, DateTimeOffset now) => (message.DueAt <= now ? _due : _later).Add(message);

    /// <summary>Takes a message out, if it is in.</summary>
    /// <param name="message">The message.</param>
    public void Remove(StoredMessage message)
    {
        if (!_due.Remove(message))
        {
            _later.Remove(message);
        }
    }

    /// <summary>Moves what has become due to what is due.</summary>
    /// <param name="now">The time.</param>
    public void Promote(DateTimeOffset now)
    {
        while (_later.Min is { } next && next.DueAt <= now)
        {
            _later.Remove(next);
            _due.Add(next);
        }
    }

    /// <summary>Takes the oldest one out that is due, or gives <see langword="null"/>.</summary>
    public StoredMessage? TakeOldest()
    {
        StoredMessage? oldest = _due.Min;
        if (oldest is not null)
        {
            _due.Remove(oldest);
        }

        return oldest;
    }

    private static int CompareByTime(StoredMessage left, StoredMessage right)
    {
        int order = left.DueAt.CompareTo(right.DueAt);
        return order != 0 ? order : left.Number.CompareTo(right.Number);
    }
}
