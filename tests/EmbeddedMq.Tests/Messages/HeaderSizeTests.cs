using System.Buffers.Binary;
using System.Text;
using EmbeddedMq.Messages;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Messages;

public sealed class HeaderSizeTests
{
    /// <summary>Against an encoder that writes the bytes. Source: AMQP 0-9-1 §4.2.5.5 with RabbitMQ's errata.</summary>
    [Fact]
    public void Size_OfAnyTable_IsThatOfItsEncoding()
    {
        int seed = Seeds.Pick(19);
        Random random = Seeds.Generator(seed);
        for (int i = 0; i < 2_000; i++)
        {
            HeaderTable table = RandomTable(random, 0);
            int bytes = Encode(table).Length;

            Assert.False(HeaderSize.Exceeds(table, bytes, out long size), $"Seed {seed}, table {i}.");
            Assert.Equal(bytes, size);
            Assert.True(HeaderSize.Exceeds(table, bytes - 1, out _));
        }
    }

    [Fact]
    public void Size_OfTablesNestedWithoutEnd_ExceedsEveryLimit()
    {
        HeaderTable table = HeaderTable.Empty;
        for (int depth = 0; depth < 10_000; depth++)
        {
            table = HeaderTable.Of("t", table);
        }

        Assert.True(HeaderSize.Exceeds(table, 1024 * 1024 * 1024, out _));
    }

    private static HeaderTable RandomTable(Random random, int depth)
    {
        HeaderTable table = HeaderTable.Empty;
        for (int i = random.Next(4); i > 0; i--)
        {
            table = table.With(new string('ä', random.Next(1, 20)) + i, RandomValue(random, depth));
        }

        return table;
    }

    private static object? RandomValue(Random random, int depth) => random.Next(depth < 3 ? 17 : 15) switch
    {
        0 => null,
        1 => true,
        2 => (sbyte)-1,
        3 => (byte)1,
        4 => (short)-1,
        5 => (ushort)1,
        6 => -1,
        7 => 1U,
        8 => -1L,
        9 => 1.5F,
        10 => 1.5,
        11 => 1.5M,
        12 => new string('€', random.Next(50)),
        13 => new byte[random.Next(50)],
        14 => DateTimeOffset.UnixEpoch,
        15 => RandomTable(random, depth + 1),
        _ => Enumerable.Range(0, random.Next(4)).Select(_ => RandomValue(random, depth + 1)).ToArray(),
    };

    private static byte[] Encode(HeaderTable table)
    {
        using MemoryStream stream = new();
        foreach (KeyValuePair<string, object?> entry in table)
        {
            byte[] name = Encoding.UTF8.GetBytes(entry.Key);
            stream.WriteByte((byte)name.Length);
            stream.Write(name);
            stream.Write(Encode(entry.Value));
        }

        return Prefixed(stream.ToArray());
    }

    private static byte[] Encode(object? value) => value switch
    {
        null => [(byte)'V'],
        bool flag => [(byte)'t', flag ? (byte)1 : (byte)0],
        sbyte number => [(byte)'b', unchecked((byte)number)],
        byte number => [(byte)'B', number],
        short or ushort => [(byte)'s', 0, 0],
        int or uint or float => [(byte)'I', 0, 0, 0, 0],
        long or double or DateTimeOffset => [(byte)'l', 0, 0, 0, 0, 0, 0, 0, 0],
        decimal => [(byte)'D', .. new byte[16]], // as the store has it
        string text => [(byte)'S', .. Prefixed(Encoding.UTF8.GetBytes(text))],
        byte[] bytes => [(byte)'x', .. Prefixed(bytes)],
        HeaderTable table => [(byte)'F', .. Encode(table)],
        IReadOnlyList<object?> list => [(byte)'A', .. Prefixed([.. list.SelectMany(Encode)])],
        _ => throw new ArgumentException($"{value.GetType()} has no encoding.", nameof(value)),
    };

    private static byte[] Prefixed(byte[] bytes)
    {
        byte[] prefixed = new byte[4 + bytes.Length];
        BinaryPrimitives.WriteInt32BigEndian(prefixed, bytes.Length);
        bytes.CopyTo(prefixed, 4);
        return prefixed;
    }
}
