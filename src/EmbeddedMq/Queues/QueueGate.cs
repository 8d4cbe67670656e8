using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Consumers;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <summary>The gate of one queue. Whoever leaves it wakes the reader to whom something was handed over meanwhile.</summary>
/// <remarks>Not reentrant. What is done under it is short and waits for nothing, so that whoever finds it taken spins. It is used in place, and not copied.</remarks>
internal struct QueueGate
{
    // A long backlog that goes to one consumer: its reader begins before all of it is there.
    private const int PostsBeforeWake = 32;

    private ShortLock _lock;

    // Guarded by the lock.
    private Consumer? _posted;
    private int _postedCount;

    /// <summary>Enters it.</summary>
    /// <returns>To be disposed to leave it.</returns>
    [UnscopedRef]
    internal Scope Enter()
    {
        _lock.Acquire();
        return new Scope(ref this);
    }

    /// <summary>Enters it unless somebody is in it.</summary>
    /// <param name="scope">To be disposed to leave it.</param>
    [UnscopedRef]
    internal bool TryEnter(out Scope scope)
    {
        bool isEntered = _lock.TryAcquire();
        scope = isEntered ? new Scope(ref this) : default;
        return isEntered;
    }

    /// <inheritdoc cref="IPostGate.TryPass"/>
    internal bool TryPass() => _lock.TryPass();

    /// <summary>Notes that a message was handed over to a consumer: its reader is to be woken. Called under the gate.</summary>
    /// <param name="consumer">The consumer.</param>
    internal void NotePosted(Consumer consumer)
    {
        if (_posted is not null && (!ReferenceEquals(_posted, consumer) || ++_postedCount == PostsBeforeWake))
        {
            _postedCount = 0;
            _posted.Wake();
        }

        _posted = consumer;
    }

    private void Leave()
    {
        Consumer? posted = _posted;
        _posted = null;
        _lock.Release();
        posted?.Wake();
    }

    /// <summary>Holds the gate until it is disposed.</summary>
    internal readonly ref struct Scope
    {
        private readonly ref QueueGate _held;

        internal Scope(ref QueueGate held) => _held = ref held;

        /// <summary>Leaves the gate.</summary>
        public void Dispose() => _held.Leave();
    }
}
