namespace EmbeddedMq.Storage;

/// <summary>Who is between naming the places of messages in a record and settling the messages there: a transfer, a transaction, a commit.</summary>
/// <remarks>
/// <para>Thread-safe; its gate is a leaf. While they are at it, the messages may move. The record names the old places, which a restart looks at as long
/// as no checkpoint tells of the new ones. So a checkpoint waits for all who began before it: they have settled the messages then, wherever they
/// are, and the checkpoint says so. Who begins later names new places.</para>
/// <para>While the disk has failed nobody is waited for: those who wait for the disk go on only after a checkpoint.</para>
/// </remarks>
internal sealed class NamedPlaces
{
    private readonly Lock _gate = new();
    private readonly int[] _counts = new int[2]; // of this phase, and of those that began before
    private int _phase;
    private bool _isSuspended;
    private TaskCompletionSource? _left; // set while somebody waits

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
                _left?.TrySetResult();
            }
        }
    }

    /// <summary>Waits for all who have entered so far. One caller at a time.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal async ValueTask WaitForAllAsync(CancellationToken cancellationToken)
    {
        // Twice, because some of those that an earlier caller has given up waiting for may be left.
        for (int i = 0; i < 2; i++)
        {
            await ChangePhase().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Nobody is waited for until <see cref="Resume"/>: the disk has failed.</summary>
    internal void Suspend()
    {
        lock (_gate)
        {
            _isSuspended = true;
            _left?.TrySetResult();
        }
    }

    /// <summary>The disk is back.</summary>
    internal void Resume()
    {
        lock (_gate)
        {
            _isSuspended = false;
        }
    }

    private Task ChangePhase()
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

            if (_counts[old] == 0 || _isSuspended)
            {
                return Task.CompletedTask;
            }

            _left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _left.Task;
        }
    }
}
