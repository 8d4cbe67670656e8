namespace EmbeddedMq.Threading;

/// <summary>Something to be done at a time: at most one appointment at once, kept by a <see cref="Scheduler"/>.</summary>
internal abstract class ScheduledWork
{
    /// <summary>No appointment.</summary>
    internal const long Never = long.MaxValue;

    /// <summary>When it is due, in milliseconds of the broker's clock, or <see cref="Never"/>. Guarded by the scheduler's gate.</summary>
    internal long DueMs { get; set; } = Never;

    /// <summary>Counts its appointments, so that an outdated one is recognised. Guarded by the scheduler's gate.</summary>
    internal int Version { get; set; }

    /// <summary>Does it. Called outside the scheduler's gate, one work at a time.</summary>
    internal abstract void Run();
}
