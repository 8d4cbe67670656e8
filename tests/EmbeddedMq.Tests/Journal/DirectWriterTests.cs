using System.Runtime.InteropServices;
using EmbeddedMq.Journal;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Tests.Journal;

/// <summary>Writing past the operating system's cache, beside reading and writing through it.</summary>
public sealed class DirectWriterTests : IDisposable
{
    private const int BlockBytes = DirectWriter.BlockBytes;
    private const int FileBlocks = 64;

    private readonly ScratchDirectory _scratch = new();
    private readonly byte[] _memory = GC.AllocateArray<byte>((FileBlocks + 1) * BlockBytes, pinned: true);

    // As long as the file, and at the begin of a block.
    private Span<byte> Blocks
    {
        get
        {
            int over = (int)(Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0) % BlockBytes);
            return _memory.AsSpan((BlockBytes - over) % BlockBytes, FileBlocks * BlockBytes);
        }
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Write_WholeBlocksAndOthersInTurn_AreReadAsTheyWereWrittenLast()
    {
        string path = NewFile();
        byte[] expected = new byte[FileBlocks * BlockBytes];
        byte[] seen = new byte[expected.Length];
        int seed = Seeds.Pick(20_261_123);
        Random random = Seeds.Generator(seed);
        using IJournalFile file = OsFiles.Instance.OpenToOverwrite(path);
        for (int turn = 0; turn < 200; turn++)
        {
            int unit = random.Next(4) == 0 ? 1 : BlockBytes;
            int offset = random.Next(expected.Length / unit) * unit;
            int length = random.Next(1, ((expected.Length - offset) / unit) + 1) * unit;
            Span<byte> bytes = Blocks[..length];
            random.NextBytes(bytes);
            bytes.CopyTo(expected.AsSpan(offset));

            file.Write(bytes, offset, isSyncedNext: random.Next(4) != 0);

            Assert.Equal(seen.Length, file.Read(seen, 0));
            Assert.True(expected.AsSpan().SequenceEqual(seen), $"seed {seed}, turn {turn}: {length} bytes at {offset}");
        }

        file.SyncData();
        Assert.Equal(expected, File.ReadAllBytes(path));
    }

    [Fact]
    public void TryWrite_NoWholeBlocks_LeavesThemToTheOrdinaryWay()
    {
        string path = NewFile();
        if (DirectWriter.TryOpen(path) is not { } writer)
        {
            Assert.Skip("The file system of this directory has no direct writes.");
            return;
        }

        using (writer)
        {
            Assert.True(writer.TryWrite(Blocks[..(2 * BlockBytes)], BlockBytes));
            Assert.False(writer.TryWrite(Blocks[..(BlockBytes - 512)], 0));
            Assert.False(writer.TryWrite(Blocks[..BlockBytes], 512));
            Assert.False(writer.TryWrite(Blocks.Slice(512, BlockBytes), 0));
            Assert.False(writer.TryWrite([], 0));
        }

        Assert.Throws<ObjectDisposedException>(() => writer.TryWrite(Blocks[..BlockBytes], 0));
    }

    [Fact]
    public void OpenToOverwrite_NoSuchFile_Throws()
        => Assert.Throws<FileNotFoundException>(() => OsFiles.Instance.OpenToOverwrite(Path.Combine(_scratch.Path, "missing")));

    private string NewFile()
    {
        string path = Path.Combine(_scratch.Path, "segment");
        File.WriteAllBytes(path, new byte[FileBlocks * BlockBytes]);
        return path;
    }
}
