namespace EmbeddedMq;

/// <summary>What became of the attempt to claim a message.</summary>
public enum ClaimOutcome
{
    /// <summary>It is the caller's: process it, then complete the claim.</summary>
    Claimed,

    /// <summary>It was processed before, with this fingerprint: acknowledge it and do nothing else.</summary>
    Duplicate,

    /// <summary>Its id is known with another fingerprint: not the same message.</summary>
    Conflict,

    /// <summary>Somebody else processes it at this moment; ask again later.</summary>
    Busy,
}
