using System.Collections.Concurrent;
using EmbeddedMq.Idempotence;

namespace EmbeddedMq;

/// <summary>Remembers processed messages in this process's memory: what it knows ends with the process.</summary>
/// <remarks>
/// <para>It tells duplicates that a publisher, a lost channel or a requeue makes while the process runs. After a restart, what was acknowledged before
/// does not come again by itself; what was processed and not acknowledged does, and is processed again.</para>
/// <para>Claims do not take outgoing messages. Thread-safe.</para>
/// </remarks>
public sealed class MemoryIdempotenceStore : IIdempotenceStore
{
    private readonly ConcurrentDictionary<string, ScopeMarks> _scopes = new(StringComparer.Ordinal);
    private readonly Func<string, ScopeMarks> _createScope;

    /// <summary>Makes an empty store.</summary>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public MemoryIdempotenceStore(MemoryIdempotenceOptions? options = null)
    {
        options ??= new MemoryIdempotenceOptions();
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Retention, TimeSpan.Zero, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxMessages, 1, nameof(options));
        ArgumentNullException.ThrowIfNull(options.TimeProvider);
        (TimeSpan retention, int maxMessages, TimeProvider time) = (options.Retention, options.MaxMessages, options.TimeProvider);
        _createScope = _ => new ScopeMarks(retention, maxMessages, time);
    }

    /// <inheritdoc/>
    public ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<IIdempotenceClaim>(cancellationToken)
            : new ValueTask<IIdempotenceClaim>(_scopes.GetOrAdd(request.Key.Scope, _createScope).Claim(request));
    }

    /// <inheritdoc/>
    public ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(messageId);
        return new ValueTask<IdempotenceMark?>(_scopes.TryGetValue(scope, out ScopeMarks? marks) ? marks.Find(messageId) : null);
    }

    /// <summary>How many messages of a scope it holds anything of.</summary>
    /// <param name="scope">The scope.</param>
    internal int RememberedCount(string scope) => _scopes.TryGetValue(scope, out ScopeMarks? marks) ? marks.Count : 0;
}
