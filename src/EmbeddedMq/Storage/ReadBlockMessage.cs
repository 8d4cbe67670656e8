using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>A message as it was read from a block.</summary>
/// <param name="Index">Its index in the block.</param>
/// <param name="Message">The message, where it was published to, and with which key.</param>
/// <param name="Entry">What the block says of it in its queue.</param>
internal readonly record struct ReadBlockMessage(int Index, StoredMessage Message, BlockEntry Entry);
