namespace EmbeddedMq.Consumers;

/// <summary>The deliveries of a consumer, for whoever enumerates them.</summary>
/// <param name="consumer">The consumer.</param>
/// <param name="cancellationToken">Ends each enumeration.</param>
internal sealed class DeliverySequence(Consumer consumer, CancellationToken cancellationToken) : IAsyncEnumerable<Delivery>
{
    /// <inheritdoc/>
    public IAsyncEnumerator<Delivery> GetAsyncEnumerator(CancellationToken ofEnumeration = default)
    {
        if (!cancellationToken.CanBeCanceled || !ofEnumeration.CanBeCanceled || cancellationToken == ofEnumeration)
        {
            return new DeliveryReader(consumer, null, cancellationToken.CanBeCanceled ? cancellationToken : ofEnumeration);
        }

        CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, ofEnumeration);
        return new DeliveryReader(consumer, either, either.Token);
    }
}
