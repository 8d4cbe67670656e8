using EmbeddedMq.Messages;

namespace EmbeddedMq.Consumers;

/// <summary>A channel as its consumers see it: it numbers deliveries, remembers the unsettled ones and shares one prefetch window.</summary>
/// <remarks>Thread-safe. Those up to <see cref="EndTally"/> are called under a queue's gate.</remarks>
internal interface IDeliveryLedger
{
    /// <summary>Whether <see cref="TryTakeWindow"/> would succeed now.</summary>
    bool HasWindowPlace { get; }

    /// <summary>Takes a place in the window that the channel's consumers share; <see langword="false"/> when it is full.</summary>
    bool TryTakeWindow();

    /// <summary>Numbers a delivery and remembers it as unsettled.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="consumer">Who receives it; <see langword="null"/> for a get.</param>
    /// <returns>The delivery tag, or 0 when the channel has closed and nothing was remembered.</returns>
    ulong Register(QueueEntry entry, Consumer? consumer);

    /// <summary>Numbers a delivery that needs no settling; 0 when the channel has closed.</summary>
    ulong NextDeliveryTag();

    /// <summary>Forgets a delivery that was registered and then could not be handed over.</summary>
    /// <param name="deliveryTag">Its tag.</param>
    /// <returns><see langword="false"/> when somebody has taken it from the book meanwhile, and settles it.</returns>
    bool TryTakeBack(ulong deliveryTag);

    /// <summary>Ends a consumer's own count of acknowledgements: its queue lets go of it. Called under the queue's gate.</summary>
    /// <param name="consumer">The consumer; it acknowledges by itself.</param>
    /// <returns>The count.</returns>
    long EndTally(Consumer consumer);

    /// <summary>Removes a consumer from its queue and from the channel.</summary>
    /// <param name="consumer">The consumer.</param>
    void Cancel(Consumer consumer);

    /// <summary>Puts back what a consumer that has ended received and no application has read. Deliveries settled meanwhile are passed over.</summary>
    /// <param name="consumer">The consumer; nothing is posted to it any more.</param>
    void ReturnUnread(Consumer consumer);

    /// <summary>Forgets a consumer whose queue has gone.</summary>
    /// <param name="consumer">The consumer.</param>
    void QueueGone(Consumer consumer);
}
