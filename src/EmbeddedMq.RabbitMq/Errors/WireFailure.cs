using System.Threading.Channels;
using RabbitMQ.Client.Exceptions;

namespace EmbeddedMq.RabbitMq.Errors;

/// <summary>Tells what RabbitMQ.Client throws of a wire that is gone, or does not answer, from what it throws of its arguments.</summary>
internal static class WireFailure
{
    /// <summary>Whether an error tells of the wire: it is closed, was lost, or the answer did not come within <see cref="RabbitMqOptions.RequestTimeout"/>.</summary>
    /// <param name="error">The error.</param>
    /// <remarks>The client reports a missing answer as a cancellation, and a frame that waited for room when the socket was lost as a closed
    /// .NET channel. What it cannot encode is a <see cref="ProtocolViolationException"/>: nothing was written then.</remarks>
    internal static bool Is(Exception error)
        => error is (RabbitMQClientException and not ProtocolViolationException)
            or TimeoutException or IOException or ObjectDisposedException or OperationCanceledException or ChannelClosedException;

    /// <summary>The same of a call that its caller may cancel: that is no failure.</summary>
    /// <param name="error">The error.</param>
    /// <param name="cancellationToken">The caller's.</param>
    internal static bool Is(Exception error, CancellationToken cancellationToken) => Is(error) && !IsCancellation(error, cancellationToken);

    /// <summary>Whether an error is the caller's own cancellation rather than the client's, which means that no answer came.</summary>
    /// <param name="error">The error.</param>
    /// <param name="cancellationToken">The caller's.</param>
    internal static bool IsCancellation(Exception error, CancellationToken cancellationToken)
        => error is OperationCanceledException && cancellationToken.IsCancellationRequested;
}
