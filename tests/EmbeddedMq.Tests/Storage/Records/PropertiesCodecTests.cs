using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class PropertiesCodecTests
{
    private static readonly MessageProperties EveryProperty = new()
    {
        ContentType = "a",
        ContentEncoding = "b",
        Headers = new HeaderTable(
        [
            new("n", null), new("f", false), new("t", true), new("i8", (sbyte)-1), new("u8", (byte)255), new("i16", (short)-2), new("u16", (ushort)65535),
            new("i32", -3), new("u32", uint.MaxValue), new("i64", long.MinValue), new("s", 1.5f), new("d", -2.5), new("m", -1.10m), new("x", "é"),
            new("b", (byte[])[1, 2]), new("ts", DateTimeOffset.UnixEpoch.AddSeconds(-1)), new("h", HeaderTable.Of("k", 1)), new("l", (object?[])["v", 2L]),
        ]),
        DeliveryMode = DeliveryMode.Persistent,
        Priority = 9,
        CorrelationId = "c",
        ReplyTo = "d",
        Expiration = "60",
        MessageId = "e",
        Timestamp = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(-1)),
        Type = "f",
        UserId = "g",
        AppId = "h",
        ClusterId = "",
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Properties_Random_ComeBackByValueTypeAndOrder(int usualSeed)
    {
        int seed = Seeds.Pick(usualSeed);
        RecordSamples samples = new(seed);
        StringCache texts = new(16);
        for (int i = 0; i < 1000; i++)
        {
            MessageProperties properties = samples.Properties();
            byte[] bytes = Write(properties);
            Assert.True(Description.Of(properties) == Description.Of(Read(bytes, i % 2 == 0 ? texts : null)), $"seed {seed}, sample {i}: {properties}");
        }
    }

    [Fact]
    public void Properties_AllSet_AreTheseBytes()
        => Assert.Equal(
            "fcff01610162" + "12"
            + "016e00" + "016601" + "017402" + "02693803ff" + "02753804ff" + "036931360503" + "0375313606ffff03" + "036933320705" + "0375333208ffffffff0f"
            + "0369363409ffffffffffffffffff01" + "01730a0000c03f" + "01640b00000000000004c0" + "016d0c6e000000000000000000000000000280" + "01780d02c3a9" + "01620e020102"
            + "0274730fffffffffffffffff" + "01681001016b0702" + "016c11020d01760904"
            + "02" + "09" + "0163" + "0164" + "023630" + "0165" + "e0dce2f8b349de0877" + "0166" + "0167" + "0168" + "00",
            Convert.ToHexStringLower(Write(EveryProperty)));

    [Fact]
    public void Properties_Common_AreSharedObjects()
    {
        Assert.Same(MessageProperties.Empty, Read(Write(new MessageProperties()), null));
        Assert.Same(MessageProperties.Persistent, Read(Write(new MessageProperties { DeliveryMode = DeliveryMode.Persistent }), null));
    }

    [Fact]
    public void Properties_HalfASurrogatePair_BecomesTheReplacementCharacter()
        => Assert.Equal("a\uFFFDb", Read(Write(new MessageProperties { Type = "a\uD800b" }), null).Type);

    [Fact]
    public void Headers_NestedToTheLimit_ComeBack()
    {
        HeaderTable table = Nested(HeaderTableCodec.MaxDepth);
        Assert.Equal(Description.Of(table), Description.Of(Read(Write(new MessageProperties { Headers = table }), null).Headers));
    }

    [Fact]
    public void Headers_NestedBeyondTheLimit_CannotBeWritten()
    {
        MessageProperties properties = new() { Headers = Nested(HeaderTableCodec.MaxDepth + 1) };
        ArgumentException error = Assert.Throws<ArgumentException>(() => PropertiesCodec.GetLength(properties));
        Assert.Equal("Tables and lists are nested deeper than 256 levels and cannot be stored. Flatten them.", error.Message);
    }

    [Fact]
    public void Headers_NestedWithoutEnd_CannotBeRead()
    {
        // A list of one list of one list …; without a limit the reader would leave its stack.
        byte[] bytes = [0, 0x20, 1, 1, (byte)'a', .. Enumerable.Repeat<byte[]>([17, 1], 1_000_000).SelectMany(pair => pair)];
        Assert.Contains("nested deeper than 256 levels", Assert.Throws<RecordFormatException>(() => Read(bytes, null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Headers_CountsThatLie_AllocateLittle()
    {
        byte[] bytes = [0, 0x20, 1, 1, (byte)'a', .. Enumerable.Repeat<byte[]>([17, 0xFF, 0xFF, 0x03], 100).SelectMany(list => list), .. new byte[65_535]];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<RecordFormatException>(() => Read(bytes, null));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void Properties_Damaged_AreReadOrRefused()
    {
        int seed = Seeds.Pick(11);
        Fuzz.Attack(Write(EveryProperty), seed, bytes => Read(bytes, null), bytes => Write(Read(bytes, null)));
        RecordSamples samples = new(seed);
        for (int i = 0; i < 5; i++)
        {
            Fuzz.Attack(Write(samples.Properties()), seed + i, bytes => Read(bytes, null), bytes => Write(Read(bytes, null)));
        }
    }

    private static HeaderTable Nested(int levels)
    {
        HeaderTable table = HeaderTable.Of("level", levels);
        for (int i = 1; i < levels; i++)
        {
            table = HeaderTable.Of("inner", table);
        }

        return table;
    }

    private static byte[] Write(MessageProperties properties)
    {
        byte[] bytes = new byte[PropertiesCodec.GetLength(properties)];
        ByteWriter writer = new(bytes);
        PropertiesCodec.Write(ref writer, properties);
        writer.AssertFull();
        return bytes;
    }

    private static MessageProperties Read(byte[] bytes, StringCache? texts)
    {
        ByteReader reader = new(bytes);
        MessageProperties properties = PropertiesCodec.Read(ref reader, texts);
        reader.AssertAtEnd();
        return properties;
    }
}
