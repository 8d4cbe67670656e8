using System.Runtime.InteropServices;

namespace EmbeddedMq.Consumers;

/// <summary>A consumer's credit: how many messages it may be handed before others come back.</summary>
/// <remarks>Taken under the queue's gate, given back by anybody. What comes back lies apart and is fetched when the rest is used up, so that the
/// two sides, mostly two threads, do not contend for one place with each message.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal struct ConsumerCredit
{
    // A cache line before and after each belongs to no one.
    [FieldOffset(64)]
    private int _left;     // guarded by the queue's gate

    [FieldOffset(128)]
    private int _returned; // interlocked

    /// <summary>Gives it its first credit.</summary>
    /// <param name="window">How much.</param>
    internal ConsumerCredit(int window) => _left = window;

    /// <summary>Whether there is any. Called under the queue's gate.</summary>
    internal bool Any()
    {
        if (_left <= 0 && Volatile.Read(ref _returned) > 0)
        {
            _left += Interlocked.Exchange(ref _returned, 0);
        }

        return _left > 0;
    }

    /// <summary>Takes one, where there is <see cref="Any"/>. Called under the queue's gate.</summary>
    internal void Take() => _left--;

    /// <summary>Gives some back.</summary>
    /// <param name="count">How many; 0 for a look.</param>
    /// <returns>How many have come back since they were fetched: all there are, if the queue has found none.</returns>
    internal int Return(int count) => Interlocked.Add(ref _returned, count);
}
