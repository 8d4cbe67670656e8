namespace EmbeddedMq;

/// <summary>Where messages are kept before they are sent, and how they are sent.</summary>
/// <remarks>Not thread-safe.</remarks>
public interface IOutboxBuilder
{
    /// <summary>Keeps them in a store of the application's choice. Default: the broker's own (<see cref="IBrokerStores.Outbox"/>); a broker that has
    /// none makes this necessary.</summary>
    /// <param name="create">Makes the store, once. It is disposed with the application if it can be.</param>
    IOutboxBuilder UseStore(Func<IServiceProvider, IOutboxStore> create);

    /// <summary>How often a message is tried before it is given up. Default 10. A broker that cannot be reached is waited for, and counts as no attempt.</summary>
    /// <param name="attempts">1 to 1,000,000.</param>
    /// <remarks>What was given up stays until somebody calls <see cref="IOutboxStore.RetryAsync"/> or <see cref="IOutboxStore.DiscardAsync"/>; in the broker's own
    /// outbox with its body in memory, beside what is on disk, so that very many large ones make publishers wait for memory.</remarks>
    IOutboxBuilder MaxAttempts(int attempts);

    /// <summary>How long to wait between attempts; each delay is varied at random by up to a quarter either way. Default: 1 s, doubled each time, at most 5 minutes.</summary>
    /// <param name="backoff">The delays.</param>
    IOutboxBuilder Backoff(Backoff backoff);

    /// <summary>How many messages are sent at once. Default 256.</summary>
    /// <param name="messages">1 to 10,000.</param>
    IOutboxBuilder Window(int messages);

    /// <summary>How long a taken message stays one relay's before others may take it: the time to take over from a dead instance. Default 1 minute.</summary>
    /// <param name="lease">1 second to 1 day.</param>
    IOutboxBuilder Lease(TimeSpan lease);

    /// <summary>How often a shared store is asked for what others have stored. Default 1 s.</summary>
    /// <param name="interval">10 milliseconds to 1 hour.</param>
    IOutboxBuilder PollEvery(TimeSpan interval);

    /// <summary>Is told of every message that was given up, after it was noted in the store, logged and counted.</summary>
    /// <param name="failed">Called one at a time; an error of it is logged.</param>
    IOutboxBuilder OnFailed(Func<OutboxEntry, IServiceProvider, CancellationToken, ValueTask> failed);

    /// <summary>Only stores; sending is another process's work.</summary>
    IOutboxBuilder WithoutRelay();
}
