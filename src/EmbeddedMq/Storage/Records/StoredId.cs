using System.Globalization;
using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>Names a stored message, the same for every queue that its record refers to: the record's address, and which of its messages.</summary>
/// <param name="Value">The address in the upper 52 bits, the index in the lower 12. 0 names nothing.</param>
/// <remarks>Ids grow with the addresses of the log, and are never used twice. A journal that takes 100 MB a second has addresses for 17 months.</remarks>
internal readonly record struct StoredId(ulong Value) : IComparable<StoredId>
{
    /// <summary>How many messages one record holds at most.</summary>
    internal const int MaxMessages = 1 << IndexBits;

    /// <summary>The highest address.</summary>
    internal const long MaxAddress = JournalAddress.Limit - 1;

    private const int IndexBits = 12;

    /// <summary>Makes an id.</summary>
    /// <param name="address">The record's address, 0 to <see cref="MaxAddress"/>.</param>
    /// <param name="index">The index of the message within its record, 0 to 4,095.</param>
    internal StoredId(long address, int index)
        : this(((ulong)address << IndexBits) | (uint)index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)address, (ulong)MaxAddress, nameof(address));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)MaxMessages, nameof(index));
    }

    /// <summary>The address of the record.</summary>
    internal long Address => (long)(Value >> IndexBits);

    /// <summary>The index of the message within its record.</summary>
    internal int Index => (int)(Value & (MaxMessages - 1));

    /// <inheritdoc/>
    public int CompareTo(StoredId other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{Index}");
}
