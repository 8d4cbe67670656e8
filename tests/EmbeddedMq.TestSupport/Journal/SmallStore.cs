using System.Buffers.Binary;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;

namespace EmbeddedMq.TestSupport.Journal;

/// <summary>Stores so small that a test comes to the end of pages, segments and memory soon; and records that know what they should be.</summary>
internal static class SmallStore
{
    public const byte Kind = 7;

    /// <summary>Pages of 8 KB, memory of two to four pages, segments of four.</summary>
    public static JournalOptions Options(string directory, bool salvage = false, long ballastBytes = 0, long watermarkBytes = 0, int spares = 1, int slotBytes = 8 << 10)
        => new()
        {
            Directory = directory,
            Hot = new LogSizes { PageBytes = 8 << 10, MemoryBytes = 32 << 10, SegmentBytes = 32 << 10 },
            Cold = new LogSizes { PageBytes = 8 << 10, MemoryBytes = 16 << 10, SegmentBytes = 16 << 10 },
            MaxUncommittedBytes = 16 << 10,
            ManifestSlotBytes = slotBytes,
            BallastBytes = ballastBytes,
            FreeSpaceWatermarkBytes = watermarkBytes,
            SpareSegments = spares,
            Salvage = salvage,
            StoreTag = 0x5eed0001,
        };

    public static Task<FasterJournal> OpenAsync(IJournalFiles files, string directory, bool salvage = false)
        => FasterJournal.OpenAsync(Options(directory, salvage), files, TimeProvider.System);

    /// <summary>A body that says its number, and whose other bytes follow from it.</summary>
    public static byte[] Body(long number, int length)
    {
        byte[] body = new byte[Math.Max(8, length)];
        BinaryPrimitives.WriteInt64LittleEndian(body, number);
        for (int i = 8; i < body.Length; i++)
        {
            body[i] = unchecked((byte)((number * 31) + i));
        }

        return body;
    }

    /// <summary>The number that a body says, after checking that it is whole.</summary>
    public static long NumberOf(ReadOnlySpan<byte> body)
    {
        long number = BinaryPrimitives.ReadInt64LittleEndian(body);
        if (!body.SequenceEqual(Body(number, body.Length)))
        {
            throw new InvalidOperationException($"The body of record {number} is not as it was written.");
        }

        return number;
    }

    public static long Append(IAppendLog log, long number, int length = 100) => log.Append(Kind, new RecordBytes(Body(number, length)));

    /// <summary>The numbers of all records of a log, in order.</summary>
    public static List<long> Numbers(IAppendLog log, long from = 0)
    {
        List<long> numbers = [];
        using IRecordReader reader = log.ReadForward(from, log.WrittenUntil);
        while (reader.TryRead(out RecordView record))
        {
            numbers.Add(NumberOf(record.Body.Span));
        }

        return numbers;
    }
}
