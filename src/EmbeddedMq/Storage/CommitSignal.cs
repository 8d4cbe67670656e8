using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage;

/// <summary>Lets a thread that works for the store wait until what it appended is as safe as it asks.</summary>
/// <param name="durability">How safe.</param>
internal sealed class CommitSignal(Durability durability) : CommitWaiter(durability)
{
    private readonly object _gate = new(); // no Lock: it is waited on
    private JournalException? _failure;
    private bool _isDone;

    /// <summary>Waits.</summary>
    /// <exception cref="JournalException">It will not be there: the disk is full or failed.</exception>
    internal void Wait()
    {
        lock (_gate)
        {
            while (!_isDone)
            {
                Monitor.Wait(_gate);
            }

            if (_failure is not null)
            {
                throw _failure;
            }
        }
    }

    /// <inheritdoc/>
    public override void Complete(JournalException? failure)
    {
        lock (_gate)
        {
            _failure = failure;
            _isDone = true;
            Monitor.PulseAll(_gate);
        }
    }
}
