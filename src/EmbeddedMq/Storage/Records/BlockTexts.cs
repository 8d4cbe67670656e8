namespace EmbeddedMq.Storage.Records;

/// <summary>Writes the exchanges, or the routing keys, of a block: a text that a message not far before has is one byte.</summary>
/// <remarks>Not thread-safe. Remembers a few texts, the latest of each hash; one that it forgot is written again.</remarks>
internal sealed class BlockTexts
{
    private const int PlaceCount = 64; // a power of two

    private readonly Place[] _places = new Place[PlaceCount];

    /// <summary>Forgets all texts.</summary>
    internal void Clear() => Array.Clear(_places);

    /// <summary>Writes a text, or how far before it is.</summary>
    /// <param name="buffer">The messages of the block.</param>
    /// <param name="message">The index of the message that is being written.</param>
    /// <param name="text">The text.</param>
    internal void Write(RecordBuffer buffer, int message, string text)
    {
        int begin = buffer.Length;
        buffer.Byte(0);
        buffer.Text(text);
        Shorten(buffer, message, begin);
    }

    /// <summary>Writes a text, or how far before it is.</summary>
    /// <param name="buffer">The messages of the block.</param>
    /// <param name="message">The index of the message that is being written.</param>
    /// <param name="utf8">The text in UTF-8.</param>
    internal void Write(RecordBuffer buffer, int message, ReadOnlySpan<byte> utf8)
    {
        int begin = buffer.Length;
        buffer.Byte(0);
        buffer.Blob(utf8);
        Shorten(buffer, message, begin);
    }

    private void Shorten(RecordBuffer buffer, int message, int begin)
    {
        ReadOnlySpan<byte> written = buffer.Span[begin..];
        ref Place place = ref _places[Encoded.HashOf(written) & (PlaceCount - 1)];
        if (place.Length == written.Length
            && message - place.Message is > 0 and <= QueueBlockFormat.MaxDistance
            && buffer.Span.Slice(place.Begin, place.Length).SequenceEqual(written))
        {
            buffer.Truncate(begin);
            buffer.Byte((byte)(message - place.Message));
            return;
        }

        place = new Place(message, begin, written.Length);
    }

    // Where a text was written; a length of 0: nothing yet.
    private readonly record struct Place(int Message, int Begin, int Length);
}
