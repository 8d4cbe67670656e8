namespace EmbeddedMq;

/// <summary>What became of a <see cref="VersionCheckedUpdate"/>.</summary>
public enum VersionedUpdateOutcome
{
    /// <summary>The row had the expected version; it has the new values now, and the next version.</summary>
    Applied,

    /// <summary>The row has the next version and exactly the values of this update: it was applied before.</summary>
    AlreadyApplied,

    /// <summary>The row has another version, or the next one with other values: somebody else has changed it. Nothing was changed.</summary>
    Conflict,

    /// <summary>There is no such row. Nothing was changed.</summary>
    NotFound,
}
