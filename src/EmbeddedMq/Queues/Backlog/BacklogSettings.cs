namespace EmbeddedMq.Queues;

/// <summary>How much of what is ready stays in memory, and in which portions it comes and goes.</summary>
internal sealed record BacklogSettings
{
    /// <summary>256 MiB.</summary>
    internal const long DefaultBudgetBytes = 256L * 1024 * 1024;

    /// <summary>Bytes of messages in memory above which ready ones begin to be put away. At least 1.</summary>
    internal long BudgetBytes { get; init; } = DefaultBudgetBytes;

    /// <summary>Most messages that come back at once, and that a queue asks for ahead of its consumers. 1 to 4,096.</summary>
    internal int PageMessages { get; init; } = AwayRun.MaxCount;

    /// <summary>How many messages come back first, to a queue that nobody has read yet or whose head was put away; each page that is used up makes the
    /// next one twice as large. 1 to <see cref="PageMessages"/>.</summary>
    internal int FirstPageMessages { get; init; } = 64;

    /// <summary>Most bytes of bodies that come back at once, and that a queue asks for ahead of its consumers. One message comes however large it is.</summary>
    internal long PageBytes { get; init; } = 1024 * 1024;

    /// <summary>How many messages in a row stay in memory at the head of a queue that is put away. At least 1.</summary>
    internal int WindowMessages { get; init; } = 1_024;

    /// <summary>The same in bytes of bodies.</summary>
    internal long WindowBytes { get; init; } = 1024 * 1024;

    /// <summary>Most messages put away or brought back in one hold of a queue's gate. At least 1.</summary>
    internal int SliceMessages { get; init; } = 1_024;

    /// <summary>Most bytes put away in one hold of a queue's gate: transient bodies are copied under it. One message goes however large it is.</summary>
    internal long SliceBytes { get; init; } = 1024 * 1024;

    /// <summary>How long the pager rests, in milliseconds, when it is above the budget and no queue has anything to give: it may be unsettled, at
    /// the heads, or not on disk yet. 0: until it is woken.</summary>
    internal int RestMs { get; init; } = 50;

    /// <summary>The budget while queues are on disk anyway. What comes to them then waits behind that, and is wanted again last of all: it goes while
    /// it is young, which spares the garbage collector a large old generation.</summary>
    internal long BudgetBesideAwayBytes => Math.Max(1, BudgetBytes / 4);
}
