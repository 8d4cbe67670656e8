using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>A block of the cold log, with what the store keeps of it beside what queues need.</summary>
/// <param name="Block">The block, and what of it is settled.</param>
/// <param name="Descriptor">What a checkpoint says of it.</param>
/// <param name="Transient">Bits of those of its messages that no restart brings back; <see langword="null"/>: none.</param>
internal sealed record ColdBlock(StoredBlock Block, BlockDescriptor Descriptor, ulong[]? Transient = null);
