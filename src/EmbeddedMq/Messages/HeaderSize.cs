using System.Text;

namespace EmbeddedMq.Messages;

/// <summary>How large a header table is on the wire: AMQP 0-9-1 §4.2.5.5, a length, then name, type tag and value of each entry.</summary>
/// <remarks>But for decimals, which are three times as long in the store, as they are here and not on the wire: they count for what they take there.</remarks>
internal static class HeaderSize
{
    /// <summary>How many tables and lists may lie in one another, the outermost table not counted: 64. Tables in tables are bounded by the bytes
    /// of the outermost; this bounds the recursion of all who read them, the store's too.</summary>
    internal const int MaxDepth = 64;

    /// <summary>How long arguments of a declaration, a binding or a policy may be, encoded: 1 MiB. Each must fit into a record of a checkpoint, which holds
    /// four times as much; over a wire AMQP's usual frame bounds them to an eighth.</summary>
    internal const int MaxArgumentBytes = 1 << 20;

    // An object without content, with the reference to it.
    private const int ObjectBytes = 32;

    /// <summary>Whether a table is larger than it may be.</summary>
    /// <param name="headers">The table.</param>
    /// <param name="maxBytes">The bound.</param>
    /// <param name="bytes">Its size.</param>
    internal static bool Exceeds(HeaderTable headers, int maxBytes, out long bytes)
    {
        bytes = OfTable(headers);
        return bytes > maxBytes;
    }

    /// <summary>How large a table is.</summary>
    /// <param name="headers">The table.</param>
    internal static long OfTable(HeaderTable headers) => OfTable(headers, 0);

    /// <summary>How large a list is.</summary>
    /// <param name="list">The list, of a table's value.</param>
    internal static long OfList(IReadOnlyList<object?> list) => OfList(list, 0);

    /// <summary>What a table takes in memory, in bytes, about: texts count as if nobody else had them, what lies in tables and lists as a value of its own.</summary>
    /// <param name="headers">The table.</param>
    internal static long InMemory(HeaderTable headers)
    {
        long bytes = ObjectBytes;
        foreach (KeyValuePair<string, object?> entry in headers.Entries)
        {
            bytes += ObjectBytes + (sizeof(char) * entry.Key.Length) + InMemory(entry.Value);
        }

        return bytes;
    }

    /// <summary>Whether tables and lists lie deeper in one another than <see cref="MaxDepth"/>.</summary>
    /// <param name="table">The outermost table.</param>
    internal static bool IsTooDeep(HeaderTable table)
    {
        foreach (KeyValuePair<string, object?> entry in table)
        {
            if (IsTooDeep(entry.Value, 0))
            {
                return true;
            }
        }

        return false;
    }

    private static long InMemory(object? value) => value switch
    {
        null => 0,
        string text => ObjectBytes + (sizeof(char) * text.Length),
        byte[] bytes => ObjectBytes + bytes.Length,
        HeaderTable table => InMemory(table),
        IReadOnlyList<object?> list => ObjectBytes + list.Sum(InMemory),
        _ => ObjectBytes,
    };

    private static bool IsTooDeep(object? value, int depth) => value switch
    {
        string or byte[] => false,
        HeaderTable table => depth >= MaxDepth || table.Any(entry => IsTooDeep(entry.Value, depth + 1)),
        IReadOnlyList<object?> list => depth >= MaxDepth || list.Any(item => IsTooDeep(item, depth + 1)),
        _ => false,
    };

    private static long OfTable(HeaderTable table, int depth)
    {
        long bytes = 4;
        foreach (KeyValuePair<string, object?> entry in table)
        {
            bytes += 1 + Encoding.UTF8.GetByteCount(entry.Key) + OfValue(entry.Value, depth);
        }

        return bytes;
    }

    private static long OfValue(object? value, int depth) => 1 + value switch
    {
        null => 0,
        bool or sbyte or byte => 1,
        short or ushort => 2,
        int or uint or float => 4,
        decimal => 16,
        string text => 4 + Encoding.UTF8.GetByteCount(text),
        byte[] array => 4 + array.Length,
        _ when depth >= MaxDepth => int.MaxValue,
        HeaderTable table => OfTable(table, depth + 1),
        IReadOnlyList<object?> list => OfList(list, depth + 1),
        _ => 8, // long, double, timestamp
    };

    private static long OfList(IReadOnlyList<object?> list, int depth) => 4 + list.Sum(item => OfValue(item, depth));
}
