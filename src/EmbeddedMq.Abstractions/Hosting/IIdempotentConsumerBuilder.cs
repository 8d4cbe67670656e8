namespace EmbeddedMq;

/// <summary>What a consumer recognises its messages by.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
/// <remarks>Not thread-safe. The functions given are called from many threads at once; an error of theirs counts as the message being unreadable.</remarks>
public interface IIdempotentConsumerBuilder<T>
{
    /// <summary>Takes the id from the message. Default: its property message-id; a message that has none is dead-lettered with that reason.</summary>
    /// <param name="messageId">Reads it; 1 to 255 bytes of UTF-8.</param>
    IIdempotentConsumerBuilder<T> Id(Func<T, IMessageContext, string?> messageId);

    /// <summary>Takes the fingerprint from a text of the application's: a bank's reference, an amount and a date. Default: a hash of the body.</summary>
    /// <param name="fingerprint">Reads it.</param>
    IIdempotentConsumerBuilder<T> Fingerprint(Func<T, IMessageContext, string> fingerprint);

    /// <summary>Takes headers into the fingerprint beside the body.</summary>
    /// <param name="names">Their names. Those that a broker or a retry changes do not belong there.</param>
    IIdempotentConsumerBuilder<T> FingerprintHeaders(params string[] names);

    /// <summary>What ids count for: consumers of one scope process a message once between them. Default: the queue's name.</summary>
    /// <param name="scope">1 to 255 bytes of UTF-8.</param>
    IIdempotentConsumerBuilder<T> Scope(string scope);
}
