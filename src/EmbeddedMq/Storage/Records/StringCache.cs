using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;

namespace EmbeddedMq.Storage.Records;

/// <summary>Gives one object for texts that come again and again while records are read: names, routing keys, content types.</summary>
/// <remarks>
/// Bounded: a fixed number of places, one for each hash, where the later text takes the place of the earlier. Keeps ASCII of up to
/// <see cref="MaxBytes"/> bytes; other texts are never found. Thread-safe: a place is one reference, and a race costs a miss.
/// </remarks>
internal sealed class StringCache
{
    /// <summary>Longer texts are not kept.</summary>
    internal const int MaxBytes = 128;

    private readonly string?[] _places;

    /// <summary>Makes an empty cache.</summary>
    /// <param name="places">How many texts at most, a power of two.</param>
    internal StringCache(int places = 1024)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(BitOperations.IsPow2(places), true, nameof(places));
        _places = new string?[places];
    }

    /// <summary>Looks for a text.</summary>
    /// <param name="utf8">The text as bytes; any.</param>
    /// <param name="text">The text.</param>
    internal bool TryFind(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out string? text)
    {
        if (utf8.IsEmpty)
        {
            text = "";
            return true;
        }

        text = utf8.Length <= MaxBytes ? PlaceOf(utf8) : null;
        return text is not null && text.Length == utf8.Length && Ascii.Equals(utf8, text);
    }

    /// <summary>Keeps a text, unless it is none of those that are kept.</summary>
    /// <param name="utf8">The text as bytes.</param>
    /// <param name="text">The same text.</param>
    /// <returns>The text.</returns>
    internal string Keep(ReadOnlySpan<byte> utf8, string text)
    {
        // Of non-ASCII texts the characters are fewer than the bytes.
        if (utf8.Length <= MaxBytes && text.Length == utf8.Length)
        {
            PlaceOf(utf8) = text;
        }

        return text;
    }

    // A text that collides is read anew, no more.
    private ref string? PlaceOf(ReadOnlySpan<byte> utf8) => ref _places[Encoded.HashOf(utf8) & (_places.Length - 1)];
}
