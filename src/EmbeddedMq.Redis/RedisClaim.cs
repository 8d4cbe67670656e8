using System.Globalization;
using StackExchange.Redis;

namespace EmbeddedMq;

/// <summary>A claim in Redis.</summary>
/// <param name="store">The store.</param>
/// <param name="key">The message.</param>
/// <param name="lease">How long it holds.</param>
internal sealed class RedisClaim(RedisIdempotenceStore store, IdempotenceKey key, TimeSpan lease) : IIdempotenceClaim
{
    private bool _isHeld;

    /// <inheritdoc/>
    public ClaimOutcome Outcome { get; private set; }

    /// <inheritdoc/>
    public TimeSpan RetryAfter { get; private set; }

    /// <inheritdoc/>
    public bool TakesOutgoing => false;

    /// <summary>The message.</summary>
    internal IdempotenceKey Key => key;

    /// <summary>Fingerprint and token, as the server keeps them.</summary>
    internal byte[] Body { get; } = RedisMark.WriteBody(key.Fingerprint, Guid.NewGuid());

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default) => store.RunAsync(RedisScripts.Renew, this, lease, cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="RedisException">The server cannot be reached, or failed; whether the message is remembered is not known.</exception>
    public async ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(outgoing);
        if (outgoing.Count > 0)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"A Redis keeps no messages: publish the {outgoing.Count} outgoing ones before the claim is completed."), nameof(outgoing));
        }

        if (!await store.RunAsync(RedisScripts.Complete, this, store.Retention, cancellationToken).ConfigureAwait(false))
        {
            throw new ClaimLostException(key);
        }

        _isHeld = false;
        return false;
    }

    /// <inheritdoc/>
    public async ValueTask FailAsync(CancellationToken cancellationToken = default)
    {
        await store.RunAsync(RedisScripts.Fail, this, store.Retention, cancellationToken).ConfigureAwait(false);
        _isHeld = false;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_isHeld)
        {
            return;
        }

        _isHeld = false;
        try
        {
            await store.RunAsync(RedisScripts.GiveUp, this, lease, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is RedisException or TimeoutException)
        {
            // Then it ends with its lease.
        }
    }

    /// <summary>Takes the server's answer.</summary>
    /// <param name="answer">Outcome, and for how long somebody else's claim holds.</param>
    internal void Take(RedisResult answer)
    {
        long[] numbers = (long[])answer!;
        Outcome = (ClaimOutcome)(int)numbers[0];
        RetryAfter = TimeSpan.FromMilliseconds(Outcome == ClaimOutcome.Busy ? Math.Max(1, numbers[1]) : 0);
        _isHeld = Outcome == ClaimOutcome.Claimed;
    }
}
