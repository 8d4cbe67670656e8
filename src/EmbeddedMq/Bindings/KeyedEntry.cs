namespace EmbeddedMq.Bindings;

/// <summary>What a <see cref="KeyedTable"/> holds: something that is found by a text.</summary>
/// <remarks>The text may be a part of a longer one, so that a word of a binding key needs no string of its own.</remarks>
/// <param name="text">The text that the key is a part of.</param>
/// <param name="start">Where the key begins.</param>
/// <param name="length">How many characters the key has.</param>
internal abstract class KeyedEntry(string text, int start, int length)
{
    // AMQP's keys have at most 255 bytes; together with the hash code these two take the space of one reference.
    private readonly ushort _start = checked((ushort)start);
    private readonly ushort _length = checked((ushort)length);

    /// <summary>The key's hash code, see <see cref="KeyedTable.HashOf"/>.</summary>
    internal int Hash { get; } = KeyedTable.HashOf(text.AsSpan(start, length));

    /// <summary>The key.</summary>
    internal ReadOnlySpan<char> Key => text.AsSpan(_start, _length);
}
