namespace EmbeddedMq.Journal;

/// <summary>What holds for every address in a log.</summary>
/// <remarks>An address is a logical byte position: it grows for ever, across openings, and is never used twice. The first one is not 0.</remarks>
internal static class JournalAddress
{
    /// <summary>No address: the log took nothing because it has failed or is closed, or keeps nothing at all.</summary>
    public const long None = 0;

    /// <summary>Every address is below this one, so that 52 bits hold it.</summary>
    public const long Limit = 1L << 52;
}
