namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>The clock of a second life: so much later that every lease of the killed one is over, however fast the machine is.</summary>
internal sealed class LaterClock : TimeProvider
{
    /// <summary>How much later: more than <see cref="Victim.Lease"/>.</summary>
    public static readonly TimeSpan Ahead = TimeSpan.FromHours(1);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
}
