using System.Runtime.CompilerServices;

namespace EmbeddedMq.Consumers;

/// <summary>One enumeration of a consumer's deliveries: what a compiler makes of <c>yield return</c>, but for a short way past its state machine
/// while there is something to read.</summary>
/// <remarks>For one reader, as every enumerator. It becomes the consumer's reader with the first move, and ends that with the last one, with an
/// error, or when it is disposed.</remarks>
/// <param name="consumer">The consumer.</param>
/// <param name="source">Where the token comes from, if it is the enumeration's own.</param>
/// <param name="cancellationToken">Ends the enumeration with <see cref="OperationCanceledException"/>.</param>
internal sealed class DeliveryReader(Consumer consumer, CancellationTokenSource? source, CancellationToken cancellationToken) : IAsyncEnumerator<Delivery>
{
    private Delivery _current;
    private State _state;

    private enum State
    {
        New,
        Reading,
        Ended,
    }

    /// <inheritdoc/>
    public Delivery Current => _current;

    /// <inheritdoc/>
    public ValueTask<bool> MoveNextAsync()
        => _state == State.Reading && !cancellationToken.IsCancellationRequested && consumer.TryRead(out _current)
            ? new ValueTask<bool>(true)
            : MoveOnAsync();

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        if (_state == State.Reading)
        {
            End();
        }

        _state = State.Ended;
        source?.Dispose();
        return ValueTask.CompletedTask;
    }

    // Nothing to read, or the begin or the end. What it needs while it waits is used again.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> MoveOnAsync()
    {
        if (_state == State.Ended)
        {
            return false;
        }

        if (_state == State.New)
        {
            _state = State.Ended; // where another reads already
            consumer.BeginReading();
            _state = State.Reading;
        }

        bool isThere = false;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (!isThere && await consumer.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                isThere = consumer.TryRead(out _current);
            }
        }
        finally
        {
            if (!isThere)
            {
                End();
            }
        }

        return isThere || (consumer.Failure is { } failure ? throw failure : false);
    }

    private void End()
    {
        _state = State.Ended;
        consumer.EndReading();
    }
}
