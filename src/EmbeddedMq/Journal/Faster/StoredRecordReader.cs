using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Reads single records by their addresses.</summary>
internal static class StoredRecordReader
{
    // One read serves most messages; the rest of a long one is read into place.
    private const int FirstReadBytes = 2048;

    /// <summary>Reads a record and checks it.</summary>
    /// <param name="files">The log's files.</param>
    /// <param name="address">Its address; in the files.</param>
    /// <exception cref="JournalException">It is damaged, released, or cannot be read.</exception>
    public static StoredRecord Read(SegmentFiles files, long address)
    {
        LogIdentity identity = files.Identity;
        long id = identity.SegmentOf(address);
        long offset = address - identity.BeginOf(id);
        long room = identity.PageEndOf(address) - address;
        Span<byte> head = stackalloc byte[(int)Math.Min(room, FirstReadBytes)];
        int read = files.Read(id, offset, head);
        if (read < 0)
        {
            throw MqErrors.NotReadable(identity.Name, address, "its segment was released");
        }

        if (read < head.Length || head.Length < RecordFormat.OverheadBytes || !RecordFormat.TryReadLength(head, room, out int length))
        {
            throw MqErrors.RecordDamaged(identity.PathOf(id), address, "no record is there");
        }

        byte[] record = GC.AllocateUninitializedArray<byte>(length);
        head = head[RecordFormat.PrefixBytes..];
        if (length <= head.Length)
        {
            head[..length].CopyTo(record);
        }
        else
        {
            head.CopyTo(record);
            if (files.Read(id, offset + RecordFormat.PrefixBytes + head.Length, record.AsSpan(head.Length)) != length - head.Length)
            {
                throw MqErrors.RecordDamaged(identity.PathOf(id), address, "the file ends in it");
            }
        }

        return RecordFormat.TryRead(record, identity.Seed, address, out RecordHeader header)
            ? new StoredRecord(header.Kind, header.Lsn, header.Timestamp, record.AsMemory(RecordFormat.HeaderBytes))
            : throw MqErrors.RecordDamaged(identity.PathOf(id), address, "the checksum is wrong");
    }
}
