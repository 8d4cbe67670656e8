namespace EmbeddedMq.Storage;

/// <summary>Who is between naming the places of messages in a record and settling the messages there: a transfer, a transaction, a commit. And who is between
/// appending a message that nobody publishes and handing it to its queues: a dead letter, a delayed message.</summary>
/// <remarks>
/// <para>Thread-safe; its gate is a leaf. While they are at it, the messages may move. The record names the old places, which a restart looks at as long
/// as no checkpoint tells of the new ones. So a checkpoint waits for all who began before it: they have settled the messages then, wherever they
/// are, and the checkpoint says so. Who begins later names new places.</para>
/// <para>A message that comes from elsewhere is nowhere in memory before its queues have it. So whoever stores again what the disk has taken waits for them
/// too: who begins later has its record behind where the journal was opened anew.</para>
/// <para>A commit whose record the disk has failed at ends only when the disk is back. So while it has failed no checkpoint waits: there cannot be one
/// either.</para>
/// </remarks>
internal sealed class NamedPlaces
{
    private readonly Lock _gate = new();
    private readonly int[] _counts = new int[2]; // of this phase, and of those that began before
    private int _phase;
    private JournalException? _failure;
    private TaskCompletionSource<JournalException?>? _left; // set while somebody waits

    /// <summary>Begins to name places.</summary>
    /// <returns>For <see cref="Leave"/>.</returns>
    internal int Enter()
    {
        lock (_gate)
        {
            _counts[_phase]++;
            return _phase;
        }
    }

    /// <summary>The messages are settled in their places, or nothing has happened to them.</summary>
    /// <param name="phase">What <see cref="Enter"/> gave.</param>
    internal void Leave(int phase)
    {
        lock (_gate)
        {
            if (--_counts[phase] == 0 && phase != _phase)
            {
                _left?.TrySetResult(null);
            }
        }
    }

    /// <summary>Waits for all who have entered so far. One caller at a time.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="JournalException">The disk has failed, or fails meanwhile.</exception>
    internal async ValueTask WaitForAllAsync(CancellationToken cancellationToken)
    {
        // Twice, because some of those that an earlier caller has given up waiting for may be left.
        for (int i = 0; i < 2; i++)
        {
            if (await ChangePhase().WaitAsync(cancellationToken).ConfigureAwait(false) is { } failure)
            {
                throw failure;
            }
        }
    }

    /// <summary>The disk has failed: who waits is told, and so is whoever comes to wait until <see cref="Resume"/>.</summary>
    /// <param name="failure">What they are told.</param>
    internal void Fail(JournalException failure)
    {
        lock (_gate)
        {
            _failure = failure;
            _left?.TrySetResult(failure);
        }
    }

    /// <summary>The disk is back, and everybody who is at it can find out what became of the record.</summary>
    internal void Resume()
    {
        lock (_gate)
        {
            _failure = null;
        }
    }

    private Task<JournalException?> ChangePhase()
    {
        lock (_gate)
        {
            int old = _phase;
            if (_counts[1 - old] == 0)
            {
                _phase = 1 - old;
            }
            else
            {
                old = 1 - old;
            }

            if (_counts[old] == 0 || _failure is not null)
            {
                return Task.FromResult(_failure);
            }

            _left = new TaskCompletionSource<JournalException?>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _left.Task;
        }
    }
}
