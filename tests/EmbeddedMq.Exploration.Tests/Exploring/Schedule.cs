namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>Who runs when: the thread that begins, and the points at which another is let on out of turn. Otherwise a thread runs until it
/// waits or ends, and the next by number follows. Equal schedules give equal runs.</summary>
/// <param name="First">The number of the thread that begins.</param>
/// <param name="Switches">At the point of this number (from 1), go on with the thread of this number.</param>
internal sealed record Schedule(int First, IReadOnlyList<(int Point, int Thread)> Switches)
{
    /// <inheritdoc/>
    public override string ToString() => $"new Schedule({First}, [{string.Join(", ", Switches.Select(static s => $"({s.Point}, {s.Thread})"))}])";
}
