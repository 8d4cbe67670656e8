using System.Data;
using System.Data.Common;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Errors;

namespace EmbeddedMq;

/// <summary>A claim of a <see cref="SqlIdempotenceStore"/>: where it was granted, a transaction that has the mark in it.</summary>
/// <remarks>It holds as long as its connection does, however long the lease: a process that dies gives it up with its connection.</remarks>
public sealed class SqlIdempotenceClaim : IIdempotenceClaim
{
    private readonly SqlIdempotenceStore _store;
    private readonly ClaimRequest _request;
    private readonly SqlMessageTransaction? _shared;
    private SqlWork? _work; // taken by whoever ends the claim
    private State _state;

    /// <summary>Makes a claim that was granted.</summary>
    internal SqlIdempotenceClaim(SqlIdempotenceStore store, ClaimRequest request, SqlWork work, SqlMessageTransaction? shared)
    {
        _store = store;
        _request = request;
        _work = work;
        _shared = shared;
        _shared?.Set(work.Transaction);
        Outcome = ClaimOutcome.Claimed;
    }

    /// <summary>Makes a claim that was not granted.</summary>
    internal SqlIdempotenceClaim(SqlIdempotenceStore store, ClaimRequest request, ClaimOutcome outcome, TimeSpan retryAfter)
    {
        _store = store;
        _request = request;
        Outcome = outcome;
        RetryAfter = retryAfter;
        _state = State.Ended;
    }

    private enum State
    {
        Active,
        Completed,
        Lost,
        Ended,
    }

    /// <inheritdoc/>
    public ClaimOutcome Outcome { get; }

    /// <inheritdoc/>
    public TimeSpan RetryAfter { get; }

    /// <inheritdoc/>
    public bool TakesOutgoing => _store.TakesOutgoing;

    /// <inheritdoc/>
    /// <remarks>The connection is closed: the server has gone or has ended the session, and rolls back what was begun.</remarks>
    public bool IsBroken => Volatile.Read(ref _work) is { Connection.State: ConnectionState.Closed or ConnectionState.Broken };

    /// <summary>The transaction, for whoever claims outside a consumer. Only completing commits it.</summary>
    /// <exception cref="InvalidOperationException">The claim was not granted, or has ended.</exception>
    public DbTransaction Transaction => Work.Transaction;

    /// <summary>The message.</summary>
    internal IdempotenceKey Key => _request.Key;

    private SqlWork Work => Outcome != ClaimOutcome.Claimed ? throw SqlErrors.NotClaimed(Key, Outcome) : Volatile.Read(ref _work) ?? throw SqlErrors.ClaimEnded(Key);

    /// <inheritdoc/>
    /// <remarks>There is nothing to prolong. Tells whether the transaction is there still.</remarks>
    public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default) => new(Volatile.Read(ref _work) is not null && !IsBroken);

    /// <inheritdoc/>
    /// <remarks>A constraint that is checked at the commit, a transaction that the handler has broken or ended: while the connection is there, that is the
    /// handler's. A deadlock, a lock that was waited for too long, a connection that is gone: not.</remarks>
    public bool IsRefusal(Exception error) => error is ArgumentException
        || (Volatile.Read(ref _work)?.Connection.State == ConnectionState.Open && (error is DbException known ? _store.IsRefusal(known) : error is InvalidOperationException));

    /// <inheritdoc/>
    /// <exception cref="DbException">The transaction could not be committed, or it is not known whether it was. The next delivery will tell.</exception>
    /// <exception cref="InvalidOperationException">The handler has ended the transaction itself, or there are messages to be sent and no outbox that takes them.</exception>
    public async ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(outgoing);
        if (_state == State.Lost)
        {
            throw new ClaimLostException(Key);
        }

        SqlWork work = Work;
        if (work.Transaction.Connection is null)
        {
            throw SqlErrors.TransactionTaken(Key);
        }

        if (outgoing.Count > 0)
        {
            await (_store.Outbox ?? throw SqlErrors.TakesNoOutgoing()).AddAsync(work.Transaction, outgoing, cancellationToken).ConfigureAwait(false);
        }
        else if (_store.AskBeforeCommit is { } question)
        {
            await work.ExecuteAsync(question, cancellationToken).ConfigureAwait(false);
        }

        await work.CommitAsync(cancellationToken).ConfigureAwait(false);
        await EndAsync(State.Completed).ConfigureAwait(false);
        if (outgoing.Count > 0)
        {
            _store.Outbox!.NotifyStored();
        }

        return false;
    }

    /// <inheritdoc/>
    /// <remarks>Rolls back first, then notes it in a transaction of its own.</remarks>
    public async ValueTask FailAsync(CancellationToken cancellationToken = default)
    {
        if (Outcome != ClaimOutcome.Claimed)
        {
            throw SqlErrors.NotClaimed(Key, Outcome);
        }

        if (_state == State.Completed)
        {
            throw SqlErrors.ClaimEnded(Key);
        }

        await EndAsync(State.Ended).ConfigureAwait(false);
        await _store.NoteFailedAsync(Key, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => EndAsync(State.Ended);

    /// <summary>Rolls it back because the store is closed.</summary>
    internal ValueTask LoseAsync() => EndAsync(State.Lost);

    private async ValueTask EndAsync(State state)
    {
        if (Interlocked.Exchange(ref _work, null) is not { } work)
        {
            return;
        }

        _state = state;
        _shared?.Set(null);
        try
        {
            await work.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _store.Forget(this);
        }
    }
}
