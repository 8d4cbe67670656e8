using EmbeddedMq.Messages;

namespace EmbeddedMq.Consumers;

/// <summary>A channel as its consumers see it: it numbers deliveries, remembers the unsettled ones and shares one prefetch window.</summary>
/// <remarks>Thread-safe. The first three are called under a queue's gate.</remarks>
internal interface IDeliveryLedger
{
    /// <summary>Takes a place in the window that the channel's consumers share; <see langword="false"/> when it is full.</summary>
    bool TryTakeWindow();

    /// <summary>Numbers a delivery and remembers it as unsettled.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="consumer">Who receives it; <see langword="null"/> for a get.</param>
    /// <returns>The delivery tag, or 0 when the channel has closed and nothing was remembered.</returns>
    ulong Register(QueueEntry entry, Consumer? consumer);

    /// <summary>Numbers a delivery that needs no settling; 0 when the channel has closed.</summary>
    ulong NextDeliveryTag();

    /// <summary>Removes a consumer from its queue and from the channel.</summary>
    /// <param name="consumer">The consumer.</param>
    void Cancel(Consumer consumer);

    /// <summary>Puts back what a consumer that has ended received and no application has read. Deliveries settled meanwhile are passed over.</summary>
    /// <param name="consumer">The consumer; its queue has let go of it.</param>
    void ReturnUnread(Consumer consumer);

    /// <summary>Forgets a consumer whose queue has gone.</summary>
    /// <param name="consumer">The consumer.</param>
    void QueueGone(Consumer consumer);
}
