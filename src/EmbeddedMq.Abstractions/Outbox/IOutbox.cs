namespace EmbeddedMq;

/// <summary>Stores messages before they are sent, and sends them until a broker has confirmed them.</summary>
/// <remarks>
/// <para>A message that is stored is sent at least once, whatever stops or crashes; consumers recognise a second sending by its message id.</para>
/// <para>Where it goes, and with which properties, is found as by <see cref="IPublisher"/>.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public interface IOutbox
{
    /// <summary>Where the messages are kept.</summary>
    IOutboxStore Store { get; }

    /// <summary>Stores a message; it is sent from then on.</summary>
    /// <typeparam name="T">The message's type, by which its route is found.</typeparam>
    /// <param name="message">The message.</param>
    /// <param name="options">What differs for this message; <see langword="null"/> means nothing.</param>
    /// <param name="orderKey">Messages of one key are sent in order; <see langword="null"/>: order does not matter.</param>
    /// <param name="cancellationToken">Stops the waiting; it may be stored all the same.</param>
    /// <returns>The message's id.</returns>
    ValueTask<string> AddAsync<T>(T message, PublishOptions? options = null, string? orderKey = null, CancellationToken cancellationToken = default);

    /// <summary>Makes of a message what a store takes, without storing it: for a store that writes inside the caller's own transaction.</summary>
    /// <typeparam name="T">The message's type, by which its route is found.</typeparam>
    /// <param name="message">The message.</param>
    /// <param name="options">What differs for this message; <see langword="null"/> means nothing.</param>
    /// <param name="orderKey">Messages of one key are sent in order; <see langword="null"/>: order does not matter.</param>
    OutboxMessage Prepare<T>(T message, PublishOptions? options = null, string? orderKey = null);
}
