namespace EmbeddedMq.Journal.Faster;

/// <summary>What the header of a record says.</summary>
internal readonly record struct RecordHeader
{
    /// <summary>Where the record is.</summary>
    public required long Address { get; init; }

    /// <summary>What it is.</summary>
    public required byte Kind { get; init; }

    /// <summary>The opening that wrote it.</summary>
    public required uint Incarnation { get; init; }

    /// <summary>Its lsn less the last one that had been synced when it was appended; <see cref="uint.MaxValue"/> for that or more.</summary>
    public required uint Distance { get; init; }

    /// <summary>Its number in its log.</summary>
    public required long Lsn { get; init; }

    /// <summary>When it was appended: milliseconds since 1970, UTC.</summary>
    public required long Timestamp { get; init; }

    /// <summary>The length of its body.</summary>
    public int BodyBytes { get; init; }

    /// <summary>The same place, for a record whose body could not be written.</summary>
    public RecordHeader AsVoid() => this with { Kind = RecordFormat.Void };

    /// <summary>All records up to this number had been synced when this one was appended.</summary>
    public long KnownSynced => Distance == uint.MaxValue ? 0 : Lsn - Distance;

    /// <summary>Where the next record begins, unless the rest of the page is empty.</summary>
    public long NextAddress => Address + RecordFormat.SizeOf(BodyBytes);
}
