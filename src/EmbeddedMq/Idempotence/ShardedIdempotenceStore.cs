using EmbeddedMq.Errors;
using EmbeddedMq.Idempotence;

namespace EmbeddedMq;

/// <summary>Spreads processed messages over several stores, so that none of them has to take all the writes.</summary>
/// <remarks>
/// <para>Which shard a message belongs to follows from its scope and id. When a shard is added, one message in n + 1 moves to it, and only those concern
/// more than one shard:</para>
/// <code>
/// until Overlap after the new layout begins    claimed and completed in the old shard first, then in the new one: instances that still
///                                              use the old layout look there, and whoever completes there has processed the message
/// until Retention after that                   claimed in the new shard; the old one is asked, and what it has processed is a duplicate
/// later                                        the new shard only
/// </code>
/// <para>So a duplicate is recognised for as long as the shards remember, whichever layout it was processed under, if no instance uses an older layout
/// for longer than <see cref="ShardedIdempotenceOptions.Overlap"/>. While a shard is down, the messages that concern it wait.</para>
/// <para>Disposing it ends the shards' stores. Thread-safe.</para>
/// </remarks>
public sealed class ShardedIdempotenceStore : IIdempotenceStore, IAsyncDisposable
{
    private readonly Dictionary<string, IIdempotenceStore> _stores;
    private readonly Layout[] _layouts;
    private readonly TimeSpan _overlap;
    private readonly TimeSpan _retention;
    private readonly TimeProvider _time;

    /// <summary>Makes a store over other stores.</summary>
    /// <param name="options">Shards and layouts.</param>
    /// <exception cref="ArgumentException">There is no shard, a layout names one that there is not, or layouts are not in order.</exception>
    public ShardedIdempotenceStore(ShardedIdempotenceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Retention, TimeSpan.Zero, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Overlap, TimeSpan.Zero, nameof(options));
        _stores = new Dictionary<string, IIdempotenceStore>(options.Stores, StringComparer.Ordinal);
        IReadOnlyList<ShardLayout> layouts = options.Layouts.Count > 0 ? [.. options.Layouts] : [new ShardLayout(DateTimeOffset.MinValue, [.. _stores.Keys])];
        Check(layouts);
        _layouts = [.. layouts.Select(static layout => new Layout(layout.Begins, new ShardRouter(layout.Shards)))];
        _overlap = options.Overlap;
        _retention = options.Retention;
        _time = options.TimeProvider;
    }

    /// <inheritdoc/>
    public ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (_layouts.Length == 1)
        {
            return _stores[_layouts[0].Router.OwnerOf(ShardRouter.HashOf(request.Key.Scope, request.Key.MessageId))].ClaimAsync(request, cancellationToken);
        }

        Concerned shards = ConcernedBy(request.Key.Scope, request.Key.MessageId);
        return shards.Asked.Count == 0 && shards.Claimed.Count == 1
            ? _stores[shards.Claimed[0]].ClaimAsync(request, cancellationToken)
            : ClaimMovedAsync(request, shards, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(messageId);
        Concerned shards = ConcernedBy(scope, messageId);
        IdempotenceMark? latest = null;
        foreach (string shard in shards.Claimed.Concat(shards.Asked))
        {
            IdempotenceMark? mark = await _stores[shard].FindAsync(scope, messageId, cancellationToken).ConfigureAwait(false);
            if (mark is { State: IdempotenceState.Processed })
            {
                return mark;
            }

            latest = latest is null || mark?.At > latest.At ? mark : latest;
        }

        return latest;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (IIdempotenceStore store in _stores.Values)
        {
            if (store is IAsyncDisposable asynchronous)
            {
                await asynchronous.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                (store as IDisposable)?.Dispose();
            }
        }
    }

    private void Check(IReadOnlyList<ShardLayout> layouts)
    {
        for (int i = 0; i < layouts.Count; i++)
        {
            ShardLayout layout = layouts[i];
            if (layout.Shards.Count == 0 || layout.Shards.Distinct(StringComparer.Ordinal).Count() < layout.Shards.Count)
            {
                throw MqErrors.ShardsOfLayout(layout.Begins);
            }

            if (layout.Shards.FirstOrDefault(shard => !_stores.ContainsKey(shard)) is { } missing)
            {
                throw MqErrors.ShardUnknown(missing, layout.Begins);
            }

            if (i > 0 && layout.Begins <= layouts[i - 1].Begins)
            {
                throw MqErrors.LayoutsNotInOrder(layout.Begins);
            }
        }
    }

    // The first layout is there before it begins too: a message always belongs somewhere.
    private Concerned ConcernedBy(string scope, string messageId)
    {
        ulong hash = ShardRouter.HashOf(scope, messageId);
        DateTimeOffset now = _time.GetUtcNow();
        int current = _layouts.Length - 1;
        while (current > 0 && _layouts[current].Begins > now)
        {
            current--;
        }

        List<string> claimed = [];
        List<string> asked = [];
        for (int i = 0; i <= current; i++)
        {
            TimeSpan since = i < current ? now - _layouts[i + 1].Begins : TimeSpan.Zero; // since it was superseded
            string owner = _layouts[i].Router.OwnerOf(hash);
            if (i == current || since < _overlap)
            {
                asked.Remove(owner);
                AddOnce(claimed, owner);
            }
            else if (since < _overlap + _retention)
            {
                AddOnce(asked, owner);
            }
        }

        return new Concerned(claimed, asked);
    }

    private static void AddOnce(List<string> shards, string shard)
    {
        if (!shards.Contains(shard))
        {
            shards.Add(shard);
        }
    }

    private async ValueTask<IIdempotenceClaim> ClaimMovedAsync(ClaimRequest request, Concerned shards, CancellationToken cancellationToken)
    {
        IdempotenceKey key = request.Key;
        List<string> toClaim = [.. shards.Claimed];
        foreach (string shard in shards.Asked)
        {
            IdempotenceMark? mark = await _stores[shard].FindAsync(key.Scope, key.MessageId, cancellationToken).ConfigureAwait(false);
            switch (mark?.State)
            {
                case IdempotenceState.Processed:
                    return mark.Fingerprint == key.Fingerprint ? RefusedClaim.Duplicate : RefusedClaim.Conflict;
                case IdempotenceState.Claimed:
                    // Somebody is late, or died: who it is, is found out by claiming it there too.
                    toClaim.Add(shard);
                    break;
                default:
                    break;
            }
        }

        // All instances claim in the same order, so that of two one gets all of them. The handler's transaction is the first shard's.
        ClaimRequest beside = request with { Context = null, Channel = null };
        List<IIdempotenceClaim> granted = [];
        try
        {
            foreach (string shard in toClaim)
            {
                IIdempotenceClaim claim = await _stores[shard].ClaimAsync(granted.Count == 0 ? request : beside, cancellationToken).ConfigureAwait(false);
                if (claim.Outcome != ClaimOutcome.Claimed)
                {
                    await new ShardedClaim(granted).DisposeAsync().ConfigureAwait(false);
                    return claim;
                }

                granted.Add(claim);
            }
        }
        catch
        {
            await new ShardedClaim(granted).DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return new ShardedClaim(granted);
    }

    private sealed record Layout(DateTimeOffset Begins, ShardRouter Router);

    /// <summary>The shards that a message concerns now.</summary>
    /// <param name="Claimed">Those in which it is claimed, the oldest layout's first.</param>
    /// <param name="Asked">Those that are asked whether they have processed it.</param>
    private readonly record struct Concerned(List<string> Claimed, List<string> Asked);
}
