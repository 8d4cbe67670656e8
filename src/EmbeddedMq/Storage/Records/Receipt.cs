using System.Buffers.Binary;

namespace EmbeddedMq.Storage.Records;

/// <summary>That a message was dealt with: what an idempotence store knows of it, and what an outbox knows of one that it has sent.</summary>
/// <param name="Key">What it is known by: 128 bits of a hash over scope and id, see <see cref="ReceiptKey"/>.</param>
/// <param name="Fingerprint">128 bits that tell two messages of one key apart.</param>
/// <param name="State">How it was dealt with; whoever writes it says what the numbers mean. They are stored.</param>
/// <param name="AtUtcMs">When, in milliseconds since 1970, UTC; 0 to 2^55 - 1.</param>
/// <remarks>
/// <code>
/// state        byte
/// key          16 bytes, little-endian
/// fingerprint  16 bytes, little-endian
/// at           varint
/// </code>
/// A receipt replaces an earlier one of its key.
/// </remarks>
internal readonly record struct Receipt(UInt128 Key, UInt128 Fingerprint, byte State, long AtUtcMs) : IBatchItem
{
    private const int HashBytes = 16;

    private const ulong MaxTime = (1UL << 55) - 1; // what an index has room for

    /// <inheritdoc/>
    public int GetLength() => 1 + HashBytes + HashBytes + Encoded.VarintLength((ulong)AtUtcMs);

    /// <inheritdoc/>
    public void Write(ref ByteWriter writer)
    {
        Span<byte> hashes = stackalloc byte[HashBytes + HashBytes];
        BinaryPrimitives.WriteUInt128LittleEndian(hashes, Key);
        BinaryPrimitives.WriteUInt128LittleEndian(hashes[HashBytes..], Fingerprint);
        writer.Byte(State);
        writer.Bytes(hashes);
        writer.Varint((ulong)AtUtcMs);
    }

    /// <summary>Reads one.</summary>
    /// <param name="reader">The reader.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static Receipt Read(scoped ref ByteReader reader)
    {
        byte state = reader.Byte();
        ReadOnlySpan<byte> hashes = reader.Bytes(HashBytes + HashBytes);
        return new Receipt(
            BinaryPrimitives.ReadUInt128LittleEndian(hashes),
            BinaryPrimitives.ReadUInt128LittleEndian(hashes[HashBytes..]),
            state,
            (long)reader.Varint(MaxTime, "a time"));
    }
}
