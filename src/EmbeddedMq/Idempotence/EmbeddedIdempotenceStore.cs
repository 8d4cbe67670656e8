using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using EmbeddedMq.Channels;
using EmbeddedMq.Outbox;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Idempotence;

/// <summary>Remembers processed messages in the data directory of an embedded broker: as receipts in its journal.</summary>
/// <remarks>
/// <para>Claims are in memory: the only process that can have any is the one that holds the data directory, and a crash ends them with it, which is
/// what is wanted of them. What was completed is in the journal before <see cref="IIdempotenceClaim.CompleteAsync"/> returns.</para>
/// <para>A delivery that came on a channel of this very broker is acknowledged, with what its handler sends, by the record that holds the receipt.</para>
/// <para>Thread-safe.</para>
/// <para>A delivery that came from another broker is not acknowledged by it, but what its handler sends goes into this broker's outbox by that record,
/// if somebody relays that.</para>
/// </remarks>
/// <param name="home">A virtual host of the broker, for what belongs to none.</param>
/// <param name="outbox">The broker's outbox.</param>
internal sealed class EmbeddedIdempotenceStore(VirtualHost home, EmbeddedOutboxStore outbox) : IIdempotenceStore
{
    private readonly ConcurrentDictionary<UInt128, EmbeddedClaim> _claims = new();

    /// <summary>Whether messages to other brokers are sent.</summary>
    internal bool IsRelayed => outbox.IsRelayed;

    /// <summary>The clock.</summary>
    internal TimeProvider Time => home.Services.Clock.TimeProvider;

    private ReceiptStore Receipts => home.Services.Store.Receipts;

    /// <inheritdoc/>
    public ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<IIdempotenceClaim>(cancellationToken)
            : new ValueTask<IIdempotenceClaim>(Claim(request));
    }

    /// <inheritdoc/>
    public ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(messageId);
        UInt128 key = ReceiptKey.Of(scope, messageId);
        if (_claims.TryGetValue(key, out EmbeddedClaim? claim))
        {
            return new ValueTask<IdempotenceMark?>(new IdempotenceMark(IdempotenceState.Claimed, claim.Key.Fingerprint, claim.ClaimedAt));
        }

        return new ValueTask<IdempotenceMark?>(Receipts.TryFind(key, out Receipt receipt)
            ? new IdempotenceMark((IdempotenceState)receipt.State, ToFingerprint(receipt.Fingerprint), DateTimeOffset.FromUnixTimeMilliseconds(receipt.AtUtcMs))
            : null);
    }

    /// <summary>Makes a claim the only one that may end its message, unless another has the message or has ended it.</summary>
    /// <param name="claim">The claim.</param>
    internal bool TryHold(EmbeddedClaim claim)
        => IsHeld(claim) || (_claims.TryAdd(claim.ReceiptKey, claim) && !(IsProcessed(claim) && TryRemove(claim)));

    /// <summary>Whether a claim is the one that has its message.</summary>
    /// <param name="claim">The claim.</param>
    internal bool IsHeld(EmbeddedClaim claim) => _claims.TryGetValue(claim.ReceiptKey, out EmbeddedClaim? current) && ReferenceEquals(current, claim);

    /// <summary>Forgets a claim, if it has its message.</summary>
    /// <param name="claim">The claim.</param>
    internal bool TryRemove(EmbeddedClaim claim) => _claims.TryRemove(KeyValuePair.Create(claim.ReceiptKey, claim));

    /// <summary>Stores what became of a message, with what its handler sends and the acknowledgement of its delivery, where the claim takes them.</summary>
    /// <param name="claim">The claim, held and not to be taken over.</param>
    /// <param name="state">What became of it.</param>
    /// <param name="outgoing">What its handler sends.</param>
    /// <param name="cancellationToken">Stops the waiting for room; nothing has happened then.</param>
    /// <returns>Whether the delivery was acknowledged.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<bool> CommitAsync(EmbeddedClaim claim, IdempotenceState state, IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken)
    {
        Fingerprint fingerprint = claim.Key.Fingerprint;
        Receipt receipt = new(claim.ReceiptKey, new UInt128(fingerprint.High, fingerprint.Low), (byte)state, Time.GetUtcNow().ToUnixTimeMilliseconds());
        if (state == IdempotenceState.Processed && claim.Channel is { } channel)
        {
            ulong[] tags = claim.DeliveryTag is { } tag ? [tag] : [];
            await channel.CommitAsync(tags, outgoing, [receipt], cancellationToken).ConfigureAwait(false);
            return tags.Length > 0;
        }

        if (outgoing.Count > 0)
        {
            await outbox.AddAsync(outgoing, [receipt], cancellationToken).ConfigureAwait(false);
        }
        else
        {
            NamedPlaces named = home.Services.Store.Named;
            int phase = named.Enter();
            try
            {
                await home.CommitAsync([], [], [receipt]).ConfigureAwait(false);
            }
            finally
            {
                named.Leave(phase);
            }
        }

        return false;
    }

    private static Fingerprint ToFingerprint(UInt128 value) => new((ulong)(value >> 64), (ulong)value);

    private IIdempotenceClaim Claim(ClaimRequest request)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(request.Lease, TimeSpan.Zero, nameof(request));
        UInt128 key = ReceiptKey.Of(request.Key.Scope, request.Key.MessageId);
        if (FindEnd(key, request) is { } known)
        {
            return known;
        }

        EmbeddedClaim claim = new(this, request, key, ChannelOf(request));
        while (_claims.GetOrAdd(key, claim) is { } holder && !ReferenceEquals(holder, claim))
        {
            if (!holder.TryGetTakenOver(out TimeSpan retryAfter))
            {
                return RefusedClaim.Busy(retryAfter);
            }

            if (_claims.TryUpdate(key, claim, holder))
            {
                break;
            }
        }

        // Whoever had it before has made known what became of it before the claim was removed.
        if (FindEnd(key, request) is { } end)
        {
            TryRemove(claim);
            return end;
        }

        return claim;
    }

    private RefusedClaim? FindEnd(UInt128 key, ClaimRequest request)
        => !Receipts.TryFind(key, out Receipt receipt) || receipt.State != (byte)IdempotenceState.Processed ? null
            : ToFingerprint(receipt.Fingerprint) == request.Key.Fingerprint ? RefusedClaim.Duplicate : RefusedClaim.Conflict;

    private bool IsProcessed(EmbeddedClaim claim)
        => Receipts.TryFind(claim.ReceiptKey, out Receipt receipt) && receipt.State == (byte)IdempotenceState.Processed;

    private Channel? ChannelOf(ClaimRequest request)
        => request.Channel is Channel channel && ReferenceEquals(channel.Host.Services, home.Services) ? channel : null;
}
