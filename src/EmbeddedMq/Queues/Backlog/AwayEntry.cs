namespace EmbeddedMq.Queues;

/// <summary>A ready message of a queue that is only on disk: 16 bytes in the place of a <see cref="Messages.QueueEntry"/> and a body.</summary>
/// <param name="StoredAt">Its id in the journal.</param>
/// <param name="BodyBytes">Bytes of its body, as length limits count them.</param>
/// <param name="Flags">What the store wants to know when it reads it.</param>
/// <remarks>It counts for nothing in the memory ledger. How many there are is bounded by the length of the journal, of which they are a few
/// hundredths; counted, they would drive out of memory what consumers want next.</remarks>
internal readonly record struct AwayEntry(ulong StoredAt, int BodyBytes, AwayFlags Flags);
