using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace EmbeddedMq.Threading;

/// <summary>A queue from many writers to one waiting reader: System.Threading.Channels under a name that leaves "channel" to AMQP.</summary>
/// <remarks>Thread-safe. A post never runs the reader's code: continuations go to the thread pool, so that posting under a gate is bounded work.
/// It has no bound of its own; whoever posts holds one (a consumer's credit).</remarks>
/// <typeparam name="T">What is posted.</typeparam>
internal sealed class Mailbox<T>
{
    private readonly Channel<T> _items = Channel.CreateUnbounded<T>(new UnboundedChannelOptions
    {
        AllowSynchronousContinuations = false,
        SingleReader = false, // closing takes what the reader has not taken
        SingleWriter = false,
    });

    /// <summary>How many items nobody has taken yet.</summary>
    internal int Count => _items.Reader.Count;

    /// <summary>Posts an item; <see langword="false"/> when the mailbox is complete.</summary>
    /// <param name="item">The item.</param>
    internal bool TryPost(T item) => _items.Writer.TryWrite(item);

    /// <summary>Lets the reader finish once it has taken what is there. Further calls do nothing.</summary>
    internal void Complete() => _items.Writer.TryComplete();

    /// <summary>Takes an item if there is one.</summary>
    /// <param name="item">The item.</param>
    internal bool TryTake([MaybeNullWhen(false)] out T item) => _items.Reader.TryRead(out item);

    /// <summary>Waits until there is an item to take (<see langword="true"/>) or never will be (<see langword="false"/>).</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal ValueTask<bool> WaitToTakeAsync(CancellationToken cancellationToken) => _items.Reader.WaitToReadAsync(cancellationToken);
}
