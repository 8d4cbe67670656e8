namespace EmbeddedMq.Storage.Records;

/// <summary>The layout of a batch: what happened to messages, all of it or nothing.</summary>
/// <remarks>
/// <code>
/// format        byte: 1; 2 where receipts are flagged, so that a version that knows nothing of them says so
/// flags         byte: 1 part of a transaction, 2 settles, 4 marks, 8 messages, 16 receipts; another bit is an error
/// transaction   varint, not 0, if flagged: of no effect without the record <see cref="TransactionEnd"/>
/// settles       if flagged: varint length in bytes, then groups, see <see cref="Settle"/>
/// marks         if flagged: varint length in bytes, then marks, see <see cref="Mark"/>
/// receipts      if flagged: varint length in bytes, then receipts, see <see cref="Receipt"/>
/// messages      if flagged: varint count, then each with the varint of its length in bytes, see <see cref="MessageCodec"/>
/// </code>
/// What is flagged is not empty. Nothing follows.
/// </remarks>
internal static class BatchFormat
{
    /// <summary>The version of a batch without receipts.</summary>
    internal const byte Version = 1;

    /// <summary>The version of a batch with receipts.</summary>
    internal const byte VersionWithReceipts = 2;

    /// <summary>The flag: part of a transaction.</summary>
    internal const byte IsPart = 1;

    /// <summary>The flag: has settles.</summary>
    internal const byte HasSettles = 2;

    /// <summary>The flag: has marks.</summary>
    internal const byte HasMarks = 4;

    /// <summary>The flag: has messages.</summary>
    internal const byte HasMessages = 8;

    /// <summary>The flag: has receipts.</summary>
    internal const byte HasReceipts = 16;

    /// <summary>All flags that a batch without receipts may have.</summary>
    internal const byte AllFlags = IsPart | HasSettles | HasMarks | HasMessages;
}
