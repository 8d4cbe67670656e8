namespace EmbeddedMq.Storage;

/// <summary>Stretches of a log that went with failures of the disk.</summary>
/// <remarks>Thread-safe; asked often, added to hardly ever.</remarks>
internal sealed class LostRanges
{
    private volatile (long From, long Until)[] _ranges = [];

    /// <summary>Whether there are none.</summary>
    internal bool IsEmpty => _ranges.Length == 0;

    /// <summary>Adds a stretch, unless it is the one that was added last. One caller at a time.</summary>
    /// <param name="from">The first address.</param>
    /// <param name="until">The address behind it.</param>
    internal void Add(long from, long until)
    {
        if (_ranges is not [.., var last] || last != (from, until))
        {
            _ranges = [.. _ranges, (from, until)];
        }
    }

    /// <summary>Whether an address is in one.</summary>
    /// <param name="address">The address.</param>
    internal bool Contains(long address)
    {
        foreach ((long from, long until) in _ranges)
        {
            if (address >= from && address < until)
            {
                return true;
            }
        }

        return false;
    }
}
