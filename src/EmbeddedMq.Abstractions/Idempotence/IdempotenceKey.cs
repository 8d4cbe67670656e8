namespace EmbeddedMq;

/// <summary>What a message is recognised by. Immutable.</summary>
/// <param name="Scope">What the id counts for: each scope processes a message once. The queue, unless the consumer says otherwise; 1 to 255 bytes of UTF-8.</param>
/// <param name="MessageId">The message's id in the scope, 1 to 255 bytes of UTF-8.</param>
/// <param name="Fingerprint">What the message says, in short: an id that comes again with another one is a conflict.</param>
public readonly record struct IdempotenceKey(string Scope, string MessageId, Fingerprint Fingerprint);
