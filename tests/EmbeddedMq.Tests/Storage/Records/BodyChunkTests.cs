using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class BodyChunkTests
{
    [Fact]
    public void Chunk_IsTheseBytesAndComesBack()
    {
        byte[] bytes = RecordBodies.BytesOf(new BodyChunk(2, 1_000_000, "abc"u8));
        Assert.Equal("0102c0843d616263", Convert.ToHexStringLower(bytes));
        BodyChunk chunk = BodyChunk.Read(bytes);
        Assert.Equal((2, 1_000_000, "abc"), (chunk.Index, chunk.TotalLength, System.Text.Encoding.ASCII.GetString(chunk.Bytes)));
    }

    [Fact]
    public void Chunk_LongerThanItsBody_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(static () => new BodyChunk(0, 2, "abc"u8).GetLength());
        Assert.Throws<RecordFormatException>(static () => BodyChunk.Read([1, 0, 2, 1, 2, 3]).Index);
    }

    [Fact]
    public void Chunk_Damaged_IsReadOrRefused()
        => Fuzz.Attack(
            RecordBodies.BytesOf(new BodyChunk(300, 70_000, new byte[50])),
            Seeds.Pick(61),
            static bytes => GC.KeepAlive(BodyChunk.Read(bytes).Index),
            static bytes => RecordBodies.BytesOf(BodyChunk.Read(bytes)));
}
