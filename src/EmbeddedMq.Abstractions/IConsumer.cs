namespace EmbeddedMq;

/// <summary>A consumer of one queue: the deliveries pushed to it, in order.</summary>
/// <remarks>
/// <para>Read it once, by one reader. The enumeration ends without an error when the consumer was cancelled from either side and what it
/// had received has been read; it throws <see cref="ChannelException"/> or <see cref="ConnectionException"/> when its channel failed.</para>
/// <para>Disposing it cancels it and puts back what it received and nobody read. With <see cref="ConsumerOptions.AutoAck"/> a delivery is
/// settled when the reader takes it, not before, so that an unread one is never lost.</para>
/// </remarks>
public interface IConsumer : IAsyncDisposable
{
    /// <summary>The consumer's tag, unique on its channel.</summary>
    string ConsumerTag { get; }

    /// <summary>The queue it consumes from.</summary>
    string Queue { get; }

    /// <summary>Completes when the consumer has ended, with the reason. Never faults.</summary>
    Task<ConsumerEnd> Ended { get; }

    /// <summary>The deliveries, as they come.</summary>
    /// <param name="cancellationToken">Ends the enumeration with <see cref="OperationCanceledException"/>; the consumer goes on, and what was received and not read goes back when it is disposed.</param>
    /// <exception cref="InvalidOperationException">The consumer is being read already.</exception>
    IAsyncEnumerable<Delivery> ReadAllAsync(CancellationToken cancellationToken = default);

    /// <summary>Cancels the consumer. Nothing more is delivered once this has completed; unsettled deliveries stay unsettled, and what was received can still be read. A second call does nothing.</summary>
    /// <param name="cancellationToken">Stops the waiting; the cancel goes on.</param>
    ValueTask CancelAsync(CancellationToken cancellationToken = default);
}
