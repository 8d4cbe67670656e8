namespace EmbeddedMq.Journal.Faster;

/// <summary>A waiter that somebody awaits.</summary>
/// <param name="durability">How safe it has to be.</param>
internal sealed class TaskWaiter(Durability durability) : CommitWaiter(durability)
{
    // Continuations run elsewhere, never on the journal's thread.
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when it is safe, or fails.</summary>
    public Task Task => _completion.Task;

    /// <inheritdoc/>
    public override void Complete(JournalException? failure)
    {
        if (failure is null)
        {
            _completion.TrySetResult();
        }
        else
        {
            _completion.TrySetException(failure);
        }
    }
}
