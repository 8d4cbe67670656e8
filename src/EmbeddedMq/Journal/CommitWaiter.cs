namespace EmbeddedMq.Journal;

/// <summary>Somebody who wants to know when what was appended so far is safe. A link of an intrusive list, so that waiting allocates nothing.</summary>
/// <remarks>In at most one log at a time. It may be used again from within <see cref="Complete"/> on.</remarks>
/// <param name="durability">How safe.</param>
internal abstract class CommitWaiter(Durability durability)
{
    /// <summary>The next waiter of the list that this one is in. The log's own.</summary>
    internal CommitWaiter? Next { get; set; }

    /// <summary>How many there are in that list, this one and those that were added before it. The log's own.</summary>
    internal int Place { get; set; }

    /// <summary>How safe it has to be. Not to be changed while it waits.</summary>
    public Durability Durability { get; protected set; } = durability;

    /// <summary>Says that everything appended before this waiter was added is safe, or that it will never be.</summary>
    /// <param name="failure"><see langword="null"/> when it is safe; else why it is not. What was appended may or may not be found again.</param>
    /// <remarks>Called once, on the journal's thread, in the order in which waiters of the same durability were added. Everybody's commits
    /// wait meanwhile: be quick, never block and never throw (what is thrown is dropped).</remarks>
    public abstract void Complete(JournalException? failure);
}
