using System.Collections.Concurrent;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>An idempotence store that fails when a test wants it to, and writes down what it is asked.</summary>
internal sealed class ScriptedStore(TimeProvider time) : IIdempotenceStore, IAsyncDisposable
{
    private readonly MemoryIdempotenceStore _inner = new(new MemoryIdempotenceOptions { TimeProvider = time });

    public ConcurrentQueue<string> Steps { get; } = new();

    public ConcurrentQueue<OutboxMessage> Taken { get; } = new();

    public Func<Exception?> ClaimFails { get; set; } = static () => null;

    public Func<Exception?> CompleteFails { get; set; } = static () => null;

    public bool TakesOutgoing { get; init; }

    public bool LivesInScope { get; init; }

    /// <summary>Whether it acknowledges the delivery itself, as a store in the broker that delivered does.</summary>
    public bool Acknowledges { get; init; }

    /// <summary>Whether what claims hold by is gone.</summary>
    public bool IsBroken { get; set; }

    public bool IsDisposed { get; private set; }

    public int Renewals { get; private set; }

    /// <summary>Whether renewals come too late to keep a claim: they do nothing, and say that all is well.</summary>
    public bool RenewalIsLate { get; set; }

    /// <summary>What a renewal does first: told the message's id.</summary>
    public Action<string> Renews { get; set; } = static _ => { };

    public ClaimRequest? LastRequest { get; private set; }

    public async ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        Steps.Enqueue("claim");
        LastRequest = request;
        return ClaimFails() is { } error ? throw error : new Claim(this, request, await _inner.ClaimAsync(request, cancellationToken));
    }

    public ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
        => _inner.FindAsync(scope, messageId, cancellationToken);

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private sealed class Claim(ScriptedStore store, ClaimRequest request, IIdempotenceClaim inner) : IIdempotenceClaim
    {
        public ClaimOutcome Outcome => inner.Outcome;

        public TimeSpan RetryAfter => inner.RetryAfter;

        public bool TakesOutgoing => store.TakesOutgoing;

        public bool LivesInScope => store.LivesInScope;

        public bool IsBroken => store.IsBroken;

        public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default)
        {
            store.Renewals++;
            store.Renews(request.Key.MessageId);
            return store.RenewalIsLate ? new ValueTask<bool>(true) : inner.RenewAsync(cancellationToken);
        }

        public async ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
        {
            cancellationToken.ThrowIfCancellationRequested();
            store.Steps.Enqueue("complete");
            if (store.CompleteFails() is { } error)
            {
                throw error;
            }

            foreach (OutboxMessage message in outgoing)
            {
                store.Taken.Enqueue(message);
            }

            await inner.CompleteAsync([], cancellationToken);
            if (store.Acknowledges)
            {
                await request.Channel!.AckAsync(request.Context!.Delivery.DeliveryTag, cancellationToken: cancellationToken);
            }

            return store.Acknowledges;
        }

        public ValueTask FailAsync(CancellationToken cancellationToken = default)
        {
            store.Steps.Enqueue("fail");
            return inner.FailAsync(cancellationToken);
        }

        public ValueTask DisposeAsync()
        {
            store.Steps.Enqueue("dispose");
            return inner.DisposeAsync();
        }
    }
}
