namespace EmbeddedMq.Storage.Records;

/// <summary>The layout of a block, version 1: messages of one level of one queue, moved together into the cold log.</summary>
/// <remarks>
/// <code>
/// format    byte: 1
/// queue     varint id
/// level     byte: the priority level in the queue
/// count     2 bytes: 1 to 4,096
/// base      varint: an address, from which those of the ids are counted
/// table     4 bytes for each message: where it begins, in bytes from the end of the table; the first at 0
/// messages  one behind the other, in the order of the queue
/// </code>
/// A message:
/// <code>
/// flags         byte: 1 handed over before, 2 transient, 4 expires, 8 body in chunks, 16 has failed deliveries
/// id            varint address minus the base, sign in the lowest bit; varint index
/// failed        varint, not 0, if flagged
/// expires       varint, if flagged: milliseconds since 1970, UTC, sign in the lowest bit
/// body length   varint
/// chunks        if flagged: varint count, at least 1, then each address as varint
/// exchange      byte: 0 a text follows; else the same as that of the message so many before, 1 to 127, which has it as text
/// routing key   as the exchange
/// properties    <see cref="PropertiesCodec"/>
/// body          bytes, unless it is in chunks; to the end
/// </code>
/// </remarks>
internal static class QueueBlockFormat
{
    /// <summary>The version of the layout.</summary>
    internal const byte Version = 1;

    /// <summary>How many messages a block holds at most.</summary>
    internal const int MaxCount = 4096;

    /// <summary>The farthest message that a text is taken from.</summary>
    internal const int MaxDistance = 127;

    /// <summary>The flag: handed over before.</summary>
    internal const byte Redelivered = 1;

    /// <summary>The flag: transient.</summary>
    internal const byte Transient = 2;

    /// <summary>The flag: expires.</summary>
    internal const byte Expires = 4;

    /// <summary>The flag: the body is in chunks.</summary>
    internal const byte IsChunked = 8;

    /// <summary>The flag: has failed deliveries.</summary>
    internal const byte HasFailed = 16;

    /// <summary>All flags there are.</summary>
    internal const byte AllFlags = Redelivered | Transient | Expires | IsChunked | HasFailed;
}
