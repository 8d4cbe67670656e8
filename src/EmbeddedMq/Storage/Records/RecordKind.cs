namespace EmbeddedMq.Storage.Records;

/// <summary>What a record is. The values are stored.</summary>
internal enum RecordKind : byte
{
    /// <summary>What happened to messages: settled, marked, published; see <see cref="BatchReader"/>. Hot log.</summary>
    Batch = 1,

    /// <summary>The batches of a transaction are complete; see <see cref="Records.TransactionEnd"/>. Hot log.</summary>
    TransactionEnd = 2,

    /// <summary>Changes of names, bindings and policies; see <see cref="TopologyReader"/>. Hot log.</summary>
    Topology = 3,

    /// <summary>A part of a checkpoint; see <see cref="CheckpointWriter"/>. Hot log.</summary>
    Checkpoint = 4,

    /// <summary>A checkpoint is complete; see <see cref="Records.CheckpointEnd"/>. Hot log.</summary>
    CheckpointEnd = 5,

    /// <summary>A piece of a large body; see <see cref="Records.BodyChunk"/>. Hot or cold log.</summary>
    BodyChunk = 6,

    /// <summary>A message that is on disk to spare memory only: laid out as a <see cref="Batch"/> of one, and of no meaning at recovery.</summary>
    Spill = 7,

    /// <summary>Messages of one queue that were moved together; see <see cref="QueueBlockReader"/>. Cold log.</summary>
    QueueBlock = 8,

    /// <summary>Receipts of messages that were dealt with, moved together; see <see cref="Records.ReceiptBlock"/>. Cold log.</summary>
    ReceiptBlock = 9,
}
