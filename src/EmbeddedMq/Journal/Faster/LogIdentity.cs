using System.Globalization;
using System.Numerics;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Which log of which store: its names, its sizes, and what its checksums begin with.</summary>
internal sealed class LogIdentity
{
    private const string Extension = ".seg";
    private readonly string _prefix;
    private readonly int _segmentBits;

    /// <summary>Names a log.</summary>
    /// <param name="directory">The store.</param>
    /// <param name="name">The log: <c>hot</c> or <c>cold</c>.</param>
    /// <param name="number">The log's number.</param>
    /// <param name="storeTag">The store's tag, which is in the name of each file, so that another store's file is told by its name.</param>
    /// <param name="sizes">Its sizes.</param>
    public LogIdentity(string directory, string name, byte number, uint storeTag, LogSizes sizes)
    {
        Directory = directory;
        Name = name;
        Sizes = sizes;
        _segmentBits = BitOperations.Log2((ulong)sizes.SegmentBytes);
        Seed = RecordFormat.SeedOf(storeTag, number);
        _prefix = string.Create(CultureInfo.InvariantCulture, $"{name}-{storeTag:x8}-");
    }

    /// <summary>The store.</summary>
    public string Directory { get; }

    /// <summary><c>hot</c> or <c>cold</c>.</summary>
    public string Name { get; }

    /// <summary>The sizes.</summary>
    public LogSizes Sizes { get; }

    /// <summary>What the checksums begin with.</summary>
    public uint Seed { get; }

    /// <summary>The tag that a file's name holds, whatever log and store it belongs to.</summary>
    /// <param name="fileName">The name.</param>
    /// <param name="name">The log.</param>
    /// <param name="storeTag">The tag.</param>
    public static bool TryReadTag(string fileName, string name, out uint storeTag)
    {
        storeTag = 0;
        return fileName.StartsWith(name + "-", StringComparison.Ordinal) && fileName.Length > name.Length + 9 && fileName.EndsWith(Extension, StringComparison.Ordinal)
            && uint.TryParse(fileName.AsSpan(name.Length + 1, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out storeTag);
    }

    /// <summary>The path of a segment's file.</summary>
    /// <param name="id">The segment.</param>
    public string PathOf(long id) => Path.Combine(Directory, string.Create(CultureInfo.InvariantCulture, $"{_prefix}{id:x10}{Extension}"));

    /// <summary>The path of a released segment's file that is kept to be written again.</summary>
    /// <param name="id">The segment that it was.</param>
    public string SparePathOf(long id) => Path.Combine(Directory, string.Create(CultureInfo.InvariantCulture, $"{_prefix}{id:x10}.spare{Extension}"));

    /// <summary>The path of a file of zeros that a segment is to be made of.</summary>
    /// <param name="id">The segment during which it was made.</param>
    public string ZerosPathOf(long id) => Path.Combine(Directory, string.Create(CultureInfo.InvariantCulture, $"{_prefix}{id:x10}.zeros{Extension}"));

    /// <summary>The path of such a file while it is being made.</summary>
    /// <param name="id">The segment during which it is made.</param>
    public string UnfinishedPathOf(long id) => Path.Combine(Directory, string.Create(CultureInfo.InvariantCulture, $"{_prefix}{id:x10}.new{Extension}"));

    /// <summary>Reads a file's name.</summary>
    /// <param name="fileName">The name, without the path.</param>
    /// <param name="id">The segment.</param>
    /// <param name="kind">What it is for.</param>
    /// <returns>Whether it is a name of this log.</returns>
    public bool TryParse(string fileName, out long id, out SegmentFileKind kind)
    {
        id = 0;
        kind = SegmentFileKind.Segment;
        if (!fileName.StartsWith(_prefix, StringComparison.Ordinal) || fileName.Length < _prefix.Length + 10
            || !long.TryParse(fileName.AsSpan(_prefix.Length, 10), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id))
        {
            return false;
        }

        SegmentFileKind? found = fileName[(_prefix.Length + 10)..] switch
        {
            Extension => SegmentFileKind.Segment,
            ".spare" + Extension or ".zeros" + Extension => SegmentFileKind.Spare,
            ".new" + Extension => SegmentFileKind.Unfinished,
            _ => null,
        };
        kind = found ?? kind;
        return found is not null;
    }

    /// <summary>The segment that an address is in.</summary>
    public long SegmentOf(long address) => address >> _segmentBits; // asked for each record, and a division takes as long as a lock

    /// <summary>The first address of a segment.</summary>
    public long BeginOf(long id) => id << _segmentBits;

    /// <summary>The first address behind the page that an address is in.</summary>
    public long PageEndOf(long address) => (address | (Sizes.PageBytes - 1L)) + 1;
}
