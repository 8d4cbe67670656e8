using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Tests.Storage.Records;

/// <summary>The forms that all records are made of.</summary>
public sealed class ByteFormTests
{
    [Theory]
    [InlineData(0ul, "00")]
    [InlineData(127ul, "7f")]
    [InlineData(128ul, "8001")]
    [InlineData(16_383ul, "ff7f")]
    [InlineData(16_384ul, "808001")]
    [InlineData(ulong.MaxValue >> 1, "ffffffffffffffff7f")]
    [InlineData(ulong.MaxValue, "ffffffffffffffffff01")]
    public void Varint_IsTheShortestForm(ulong value, string expected)
    {
        byte[] bytes = new byte[Encoded.VarintLength(value)];
        ByteWriter writer = new(bytes);
        writer.Varint(value);
        Assert.Equal(expected, Convert.ToHexStringLower(bytes));
        Assert.Equal(value, new ByteReader(bytes).Varint());
    }

    [Fact]
    public void Varint_OfEveryLength_HasTheLengthSaid()
    {
        byte[] bytes = new byte[10];
        for (int bits = 0; bits < 64; bits++)
        {
            foreach (ulong value in (ulong[])[(1ul << bits) - 1, 1ul << bits, (1ul << bits) + 1])
            {
                ByteWriter writer = new(bytes);
                writer.Varint(value);
                Assert.Equal(Encoded.VarintLength(value), writer.Position);
                Assert.Equal(value, new ByteReader(bytes).Varint());
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("8000")]
    [InlineData("ffffffffffffffffff02")]
    [InlineData("ffffffffffffffffffff01")]
    public void Varint_Endless_LongerThanNeededOrTooLarge_IsRefused(string hex)
        => Assert.Throws<RecordFormatException>(() => new ByteReader(Convert.FromHexString(hex)).Varint());

    [Theory]
    [InlineData(0L, 0ul)]
    [InlineData(-1L, 1ul)]
    [InlineData(1L, 2ul)]
    [InlineData(long.MaxValue, ulong.MaxValue - 1)]
    [InlineData(long.MinValue, ulong.MaxValue)]
    public void ZigZag_FoldsTheSign(long value, ulong folded)
    {
        Assert.Equal(folded, Encoded.ZigZag(value));
        Assert.Equal(value, Encoded.UnZigZag(folded));
    }

    [Fact]
    public void Failure_SaysWhereAndWhy()
    {
        RecordFormatException error = Assert.Throws<RecordFormatException>(static () => new ByteReader([5, 65]).Text(null));
        Assert.Equal(
            "A stored record cannot be read: bytes are 5, with 1 bytes left, at byte 1 of 2. The file is damaged, or was written by a later version.",
            error.Message);
    }

    [Fact]
    public void Text_NotUtf8_IsRefused() => Assert.Throws<RecordFormatException>(static () => new ByteReader([1, 0xFF]).Text(new StringCache()));

    [Fact]
    public void Writer_NotFull_Throws()
        => Assert.Throws<InvalidOperationException>(static () =>
        {
            ByteWriter writer = new(new byte[2]);
            writer.Byte(1);
            writer.AssertFull();
        });

    [Fact]
    public void StoredId_OrdersByAddressThenIndex()
    {
        Assert.True(new StoredId(1, StoredId.MaxMessages - 1).CompareTo(new StoredId(2, 0)) < 0);
        Assert.Equal((StoredId.MaxAddress, 7), (new StoredId(StoredId.MaxAddress, 7).Address, new StoredId(StoredId.MaxAddress, 7).Index));
        Assert.Throws<ArgumentOutOfRangeException>(static () => new StoredId(StoredId.MaxAddress + 1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(static () => new StoredId(0, StoredId.MaxMessages));
        Assert.Equal("1000/2", new StoredId(1000, 2).ToString());
    }

    [Fact]
    public void StringCache_Full_StaysBounded()
    {
        StringCache cache = new(1);
        Assert.False(cache.TryFind("a"u8, out _));
        cache.Keep("a"u8, "a");
        cache.Keep("b"u8, "b");
        Assert.False(cache.TryFind("a"u8, out _));
        Assert.True(cache.TryFind("b"u8, out string? found));
        Assert.Equal("b", found);
        string tooLong = new('x', StringCache.MaxBytes + 1);
        cache.Keep(System.Text.Encoding.ASCII.GetBytes(tooLong), tooLong);
        Assert.True(cache.TryFind("b"u8, out _));
    }
}
