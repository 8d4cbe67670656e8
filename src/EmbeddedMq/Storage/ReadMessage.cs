using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>A message as it was read from the hot log.</summary>
/// <param name="Message">The message, where it was published to, and with which key.</param>
/// <param name="PublishedUtcMs">When it was appended, in milliseconds since 1970.</param>
/// <param name="ExpiresUtcMs">When it expires, or <see langword="null"/>.</param>
internal readonly record struct ReadMessage(StoredMessage Message, long PublishedUtcMs, long? ExpiresUtcMs);
