namespace EmbeddedMq;

/// <summary>Remembers which messages have been processed, so that each takes effect once.</summary>
/// <remarks>
/// <para>What every store promises: of all callers that ask for one key at once, one is granted it; a completed key is a duplicate for as long as
/// the store retains it, whatever crashes; a key that was granted and not completed is granted again once its holder gave it up, or its lease is over.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public interface IIdempotenceStore
{
    /// <summary>Asks for the right to process a message.</summary>
    /// <param name="request">The message and for how long.</param>
    /// <param name="cancellationToken">Stops the waiting; nothing is claimed then.</param>
    /// <returns>The answer; the caller disposes it.</returns>
    /// <exception cref="Exception">The store cannot be reached or failed. The message is not processed then, and comes again.</exception>
    ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default);

    /// <summary>What the store knows of a message.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="messageId">The id.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>It, or <see langword="null"/> where the store knows nothing, or no more.</returns>
    ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default);
}
