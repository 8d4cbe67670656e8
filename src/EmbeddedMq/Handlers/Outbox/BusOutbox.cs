namespace EmbeddedMq.Handlers.Outbox;

/// <summary>The parts of one bus's outbox, which end together.</summary>
/// <param name="outbox">What the application stores with.</param>
/// <param name="source">Gives the store.</param>
/// <param name="relay">Sends what is stored; <see langword="null"/> where another process does. It must have stopped.</param>
internal sealed class BusOutbox(IOutbox outbox, OutboxStoreSource source, OutboxRelay? relay) : IAsyncDisposable
{
    /// <summary>What the application stores with.</summary>
    public IOutbox Outbox => outbox;

    /// <summary>Gives the store.</summary>
    public OutboxStoreSource Source => source;

    /// <summary>Sends what is stored, or <see langword="null"/> where another process does.</summary>
    public OutboxRelay? Relay => relay;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (relay is not null)
        {
            await relay.DisposeAsync().ConfigureAwait(false);
        }

        await source.DisposeAsync().ConfigureAwait(false);
    }
}
