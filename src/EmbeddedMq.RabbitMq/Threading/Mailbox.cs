using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace EmbeddedMq.RabbitMq.Threading;

/// <summary>A queue from many writers to one waiting reader: System.Threading.Channels under a name that leaves "channel" to AMQP.</summary>
/// <remarks>Thread-safe. A post never runs the reader's code. It has no bound of its own: the server keeps to the consumer's prefetch.</remarks>
/// <typeparam name="T">What is posted.</typeparam>
internal sealed class Mailbox<T>
{
    private readonly Channel<T> _items = Channel.CreateUnbounded<T>(new UnboundedChannelOptions { AllowSynchronousContinuations = false });

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
