namespace EmbeddedMq.Storage.Records;

/// <summary>The layout of a batch, version 1: what happened to messages, all of it or nothing.</summary>
/// <remarks>
/// <code>
/// format        byte: 1
/// flags         byte: 1 part of a transaction, 2 settles, 4 marks, 8 messages; another bit is an error
/// transaction   varint, not 0, if flagged: of no effect without the record <see cref="TransactionEnd"/>
/// settles       if flagged: varint length in bytes, then groups, see <see cref="Settle"/>
/// marks         if flagged: varint length in bytes, then marks, see <see cref="Mark"/>
/// messages      if flagged: varint count, then each with the varint of its length in bytes, see <see cref="MessageCodec"/>
/// </code>
/// What is flagged is not empty. Nothing follows.
/// </remarks>
internal static class BatchFormat
{
    /// <summary>The version of the layout.</summary>
    internal const byte Version = 1;

    /// <summary>The flag: part of a transaction.</summary>
    internal const byte IsPart = 1;

    /// <summary>The flag: has settles.</summary>
    internal const byte HasSettles = 2;

    /// <summary>The flag: has marks.</summary>
    internal const byte HasMarks = 4;

    /// <summary>The flag: has messages.</summary>
    internal const byte HasMessages = 8;

    /// <summary>All flags there are.</summary>
    internal const byte AllFlags = IsPart | HasSettles | HasMarks | HasMessages;
}
