namespace EmbeddedMq.Storage.Records;

/// <summary>What a group of settles names. The values are stored.</summary>
internal enum SettleKind : byte
{
    /// <summary>Messages of a queue by their ids.</summary>
    Entries = 0,

    /// <summary>Messages of a block of the cold log by their indexes.</summary>
    BlockEntries = 1,

    /// <summary>All messages of a block of the cold log.</summary>
    WholeBlock = 2,
}
