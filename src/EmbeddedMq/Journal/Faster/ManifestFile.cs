using System.Buffers.Binary;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>The file that says what a store consists of: two slots of the same length, written in turn, so that one is always whole.</summary>
/// <remarks>
/// <para>For the journal's thread. Little-endian. A slot: u64 magic, u32 format, u32 length of the content, u64 sequence, u32 CRC-32C of
/// the other fields and the content, u32 0, content. The content: tag u32, flags u32 (1: clean), incarnation u32, length of the owner's
/// bytes u32, checkpoint i64, hot begin i64, owner's bytes; then for each log page u32, count u32, segment i64, synced until i64, synced
/// lsn i64, next segment i64, and the segments: id u32, end offset u32 (0: none), first lsn i64.</para>
/// <para>Both slots are allocated when the store is made, so a full disk cannot keep the manifest from being written.</para>
/// </remarks>
internal sealed class ManifestFile : IDisposable
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "MANIFEST";

    /// <summary>The name while it is being made.</summary>
    public const string NewFileName = "MANIFEST.new";

    private const ulong Magic = 0x4552_4F54_5351_4D45; // "EMQSTORE"
    private const uint Format = 1;
    private const int SlotHeaderBytes = 32;
    private const int FixedBytes = 32 + CheckpointPoint.MaxOwnerBytes + (2 * 40);
    private const int EntryBytes = 16;

    private readonly IJournalFile _file;
    private readonly int _slotBytes;
    private long _sequence;

    private ManifestFile(IJournalFile file, string path, int slotBytes, long sequence)
    {
        _file = file;
        _slotBytes = slotBytes;
        _sequence = sequence;
        Path = path;
    }

    /// <summary>The path of the file.</summary>
    public string Path { get; }

    /// <summary>How many segments it has room for, of both logs.</summary>
    public int MostSegments => (_slotBytes - SlotHeaderBytes - FixedBytes) / EntryBytes;

    /// <summary>Makes the manifest of a new store. It is there whole or not at all.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="directory">The store.</param>
    /// <param name="slotBytes">The length of a slot.</param>
    /// <param name="content">What it says.</param>
    public static ManifestFile Create(IJournalFiles files, string directory, int slotBytes, ManifestContent content)
    {
        string path = System.IO.Path.Combine(directory, FileName);
        string newPath = System.IO.Path.Combine(directory, NewFileName);
        try
        {
            files.Delete(newPath);
            using (IJournalFile file = files.Open(newPath, create: true))
            {
                file.Allocate(2L * slotBytes);
                using ManifestFile manifest = new(file, newPath, slotBytes, sequence: 0);
                manifest.Write(content);
            }

            files.Delete(path); // there is one only when it could not be read and the store is being salvaged
            files.Rename(newPath, path);
            files.SyncDirectory(directory);
            return new ManifestFile(files.Open(path, create: false), path, slotBytes, sequence: 1);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("make", path, error);
        }
    }

    /// <summary>Opens the manifest and reads the newer of its whole slots.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="directory">The store.</param>
    /// <param name="content">What it says.</param>
    public static ManifestFile Open(IJournalFiles files, string directory, out ManifestContent content)
    {
        string path = System.IO.Path.Combine(directory, FileName);
        IJournalFile? file = null;
        try
        {
            file = files.Open(path, create: false);
            long length = file.Length;
            if (length is < 2 * SlotHeaderBytes or > int.MaxValue || length % 2 != 0)
            {
                throw MqErrors.ManifestDamaged(path);
            }

            byte[] bytes = new byte[length];
            int slotBytes = (int)(length / 2);
            if (file.Read(bytes, 0) != length)
            {
                throw MqErrors.ManifestDamaged(path);
            }

            ManifestContent? first = Parse(bytes.AsSpan(0, slotBytes), path, out long firstSequence);
            ManifestContent? second = Parse(bytes.AsSpan(slotBytes), path, out long secondSequence);
            content = (firstSequence > secondSequence ? first : second) ?? throw MqErrors.ManifestDamaged(path);
            ManifestFile manifest = new(file, path, slotBytes, Math.Max(firstSequence, secondSequence));
            file = null;
            return manifest;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("read", path, error);
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Writes the slot whose turn it is, and syncs it. Whether it failed or not: the other slot is as it was.</summary>
    /// <param name="content">What it is to say.</param>
    public void Write(ManifestContent content)
    {
        int segments = content.Hot.Segments.Count + content.Cold.Segments.Count;
        if (segments > MostSegments)
        {
            throw MqErrors.TooManySegments(Path, segments);
        }

        byte[] slot = new byte[SlotHeaderBytes + FixedBytes + (segments * EntryBytes)];
        int length = WriteContent(slot.AsSpan(SlotHeaderBytes), content);
        long sequence = _sequence + 1;
        BinaryPrimitives.WriteUInt64LittleEndian(slot, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(slot.AsSpan(8), Format);
        BinaryPrimitives.WriteInt32LittleEndian(slot.AsSpan(12), length);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(16), sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(slot.AsSpan(24), Checksum(slot.AsSpan(0, SlotHeaderBytes + length)));
        try
        {
            _file.Write(slot.AsSpan(0, SlotHeaderBytes + length), sequence % 2 * _slotBytes);
            _file.SyncData();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("write", Path, error);
        }

        _sequence = sequence;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static uint Checksum(ReadOnlySpan<byte> slot)
        => ~Checksums.Crc32C(Checksums.Crc32C(~0u, slot[..24]), slot[28..]);

    private static int WriteContent(Span<byte> bytes, ManifestContent content)
    {
        SpanWriter writer = new(bytes);
        writer.UInt32(content.StoreTag);
        writer.UInt32(content.IsClean ? 1u : 0u);
        writer.UInt32(content.Incarnation);
        writer.UInt32((uint)content.Checkpoint.Owner.Length);
        writer.Int64(content.Checkpoint.Address);
        writer.Int64(content.Checkpoint.HotBegin);
        writer.Bytes(content.Checkpoint.Owner.Span);
        WriteLog(ref writer, content.Hot);
        WriteLog(ref writer, content.Cold);
        return writer.Position;
    }

    private static void WriteLog(ref SpanWriter writer, LogState log)
    {
        writer.UInt32((uint)log.PageBytes);
        writer.UInt32((uint)log.Segments.Count);
        writer.Int64(log.SegmentBytes);
        writer.Int64(log.SyncedUntil);
        writer.Int64(log.SyncedLsn);
        writer.Int64(log.NextSegment);
        foreach (SegmentEntry segment in log.Segments)
        {
            writer.UInt32((uint)segment.Id);
            writer.UInt32(segment.End == 0 ? 0 : (uint)(segment.End - (segment.Id * log.SegmentBytes)));
            writer.Int64(segment.FirstLsn);
        }
    }

    private static ManifestContent? Parse(ReadOnlySpan<byte> slot, string path, out long sequence)
    {
        sequence = -1;
        if (BinaryPrimitives.ReadUInt64LittleEndian(slot) != Magic)
        {
            return null;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(slot[12..]);
        if (length < 0 || length > slot.Length - SlotHeaderBytes
            || Checksum(slot[..(SlotHeaderBytes + length)]) != BinaryPrimitives.ReadUInt32LittleEndian(slot[24..]))
        {
            return null;
        }

        // Checked behind the checksum, which every format has in this place: a flipped bit is no other version.
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(slot[8..]);
        if (format != Format)
        {
            throw MqErrors.FormatUnknown(path, format, Format);
        }

        sequence = BinaryPrimitives.ReadInt64LittleEndian(slot[16..]);
        SpanReader reader = new(slot.Slice(SlotHeaderBytes, length));
        uint tag = reader.UInt32();
        uint flags = reader.UInt32();
        uint incarnation = reader.UInt32();
        int ownerBytes = (int)reader.UInt32();
        CheckpointPoint checkpoint = new(reader.Int64(), reader.Int64(), reader.Bytes(ownerBytes).ToArray());
        return new ManifestContent
        {
            StoreTag = tag,
            IsClean = (flags & 1) != 0,
            Incarnation = incarnation,
            Checkpoint = checkpoint,
            Hot = ReadLog(ref reader),
            Cold = ReadLog(ref reader),
        };
    }

    private static LogState ReadLog(ref SpanReader reader)
    {
        int pageBytes = (int)reader.UInt32();
        int count = (int)reader.UInt32();
        long segmentBytes = reader.Int64();
        long syncedUntil = reader.Int64();
        long syncedLsn = reader.Int64();
        long nextSegment = reader.Int64();
        var segments = new SegmentEntry[count];
        for (int i = 0; i < count; i++)
        {
            long id = reader.UInt32();
            long end = reader.UInt32();
            segments[i] = new SegmentEntry(id, reader.Int64(), end == 0 ? 0 : (id * segmentBytes) + end);
        }

        return new LogState
        {
            PageBytes = pageBytes,
            SegmentBytes = segmentBytes,
            SyncedUntil = syncedUntil,
            SyncedLsn = syncedLsn,
            NextSegment = nextSegment,
            Segments = segments,
        };
    }

    private ref struct SpanWriter(Span<byte> bytes)
    {
        private readonly Span<byte> _bytes = bytes;

        public int Position { get; private set; }

        public void UInt32(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_bytes[Position..], value);
            Position += 4;
        }

        public void Int64(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(_bytes[Position..], value);
            Position += 8;
        }

        public void Bytes(ReadOnlySpan<byte> value)
        {
            value.CopyTo(_bytes[Position..]);
            Position += value.Length;
        }
    }

    private ref struct SpanReader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

        public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Bytes(8));

        public ReadOnlySpan<byte> Bytes(int count)
        {
            ReadOnlySpan<byte> bytes = _rest[..count];
            _rest = _rest[count..];
            return bytes;
        }
    }
}
