using System.Buffers.Binary;
using System.Numerics;

namespace EmbeddedMq.Journal.Faster;

/// <summary>How a record lies in a log.</summary>
/// <remarks>
/// <para>Little-endian, from the record's address on, which is divisible by 4; a record never crosses a page, and each page begins with one:</para>
/// <code>
/// u32 length    FASTER's own: of all that follows. 0: nothing more in this page.
/// u32 crc       CRC-32C of the store's tag, the log, the address, the length, and everything behind this field.
/// u8  kind      u8 flags (0)      u8 version (1)      u8 reserved (0)
/// u32 incarnation   the opening that wrote it: 1, 2, 3 …
/// u32 distance      this record's lsn less the last lsn that had been synced when it was appended, or 2^32-1
/// u64 lsn           its number in the log: 1, 2, 3 … without gaps, across openings
/// i64 timestamp     milliseconds since 1970, UTC
/// body
/// </code>
/// <para>The address is part of the checksum, so that stale and misplaced bytes are no records: a file may be written again without being
/// cleared. The distance tells a torn tail from damage: a record that is missing, and that a later one knows to have been synced, was damaged.</para>
/// </remarks>
internal static class RecordFormat
{
    /// <summary>FASTER's length and our header.</summary>
    public const int OverheadBytes = PrefixBytes + HeaderBytes;

    /// <summary>FASTER's length.</summary>
    public const int PrefixBytes = 4;

    /// <summary>Our header.</summary>
    public const int HeaderBytes = 32;

    /// <summary>The first kind that is the journal's own.</summary>
    public const byte FirstReservedKind = 240;

    /// <summary>The first record of each opening of a log; its body is the address where the log ended before.</summary>
    public const byte Incarnation = 240;

    /// <summary>A record whose body could not be written.</summary>
    public const byte Void = 241;

    private const byte Version = 1;

    /// <summary>The bytes that a record takes in the log.</summary>
    /// <param name="bodyBytes">The length of its body.</param>
    public static int SizeOf(int bodyBytes) => (OverheadBytes + bodyBytes + 3) & ~3;

    /// <summary>What the checksums of a log begin with.</summary>
    /// <param name="storeTag">The store's tag.</param>
    /// <param name="log">The log's number.</param>
    public static uint SeedOf(uint storeTag, byte log) => BitOperations.Crc32C(BitOperations.Crc32C(~0u, storeTag), log);

    /// <summary>Fills in the header around a body that has been written.</summary>
    /// <param name="record">The record without FASTER's length.</param>
    /// <param name="seed">The log's seed.</param>
    /// <param name="header">What it says; its lengths are taken from <paramref name="record"/>.</param>
    public static void Seal(Span<byte> record, uint seed, in RecordHeader header)
    {
        record[4] = header.Kind;
        record[5] = 0;
        record[6] = Version;
        record[7] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(record[8..], header.Incarnation);
        BinaryPrimitives.WriteUInt32LittleEndian(record[12..], header.Distance);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], header.Lsn);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], header.Timestamp);
        BinaryPrimitives.WriteUInt32LittleEndian(record, Checksum(record, seed, header.Address));
    }

    /// <summary>Reads what FASTER's length says, without trusting it.</summary>
    /// <param name="bytes">At least 4 bytes from the record's address on.</param>
    /// <param name="room">The bytes up to the end of the page.</param>
    /// <param name="length">The length of the record without the length itself.</param>
    /// <returns>Whether a record can be that long; 0 is not.</returns>
    public static bool TryReadLength(ReadOnlySpan<byte> bytes, long room, out int length)
    {
        length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        return length >= HeaderBytes && length <= room - PrefixBytes;
    }

    /// <summary>Whether the bytes can be the begin of a record at all; cheap, for searching.</summary>
    /// <param name="bytes">At least <see cref="OverheadBytes"/> from the supposed address on.</param>
    public static bool IsPlausible(ReadOnlySpan<byte> bytes)
        => bytes[10] == Version && bytes[9] == 0 && bytes[11] == 0 && BinaryPrimitives.ReadInt64LittleEndian(bytes[20..]) > 0;

    /// <summary>Reads and checks a record.</summary>
    /// <param name="record">The whole record without FASTER's length.</param>
    /// <param name="seed">The log's seed.</param>
    /// <param name="address">Where it is.</param>
    /// <param name="header">What it says.</param>
    /// <returns>Whether its checksum is right.</returns>
    public static bool TryRead(ReadOnlySpan<byte> record, uint seed, long address, out RecordHeader header)
    {
        header = new RecordHeader
        {
            Address = address,
            Kind = record[4],
            Incarnation = BinaryPrimitives.ReadUInt32LittleEndian(record[8..]),
            Distance = BinaryPrimitives.ReadUInt32LittleEndian(record[12..]),
            Lsn = BinaryPrimitives.ReadInt64LittleEndian(record[16..]),
            Timestamp = BinaryPrimitives.ReadInt64LittleEndian(record[24..]),
            BodyBytes = record.Length - HeaderBytes,
        };
        return record[6] == Version && BinaryPrimitives.ReadUInt32LittleEndian(record) == Checksum(record, seed, address);
    }

    private static uint Checksum(ReadOnlySpan<byte> record, uint seed, long address)
    {
        uint crc = BitOperations.Crc32C(seed, (ulong)address);
        crc = BitOperations.Crc32C(crc, (uint)record.Length);
        return ~Checksums.Crc32C(crc, record[4..]);
    }
}
