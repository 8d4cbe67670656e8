using System.Globalization;
using System.Text;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>Bodies that say which message they are, and whose every byte follows from that.</summary>
/// <remarks>A message is named <c>life.publisher.number</c>.</remarks>
internal static class Bodies
{
    /// <summary>The publisher whose messages fill segments of the cold log.</summary>
    public const int LongPublisher = 30;

    /// <summary>The body of a message: most are short, some are longer than a page of the journal.</summary>
    public static byte[] Make(string id)
    {
        Random random = new(Hash(id));
        int padding = random.Next(200) switch
        {
            _ when Place(id).Publisher == LongPublisher => random.Next(6_000, 10_000),
            0 => random.Next(200_000),
            < 10 => random.Next(20_000),
            _ => random.Next(400),
        };
        byte[] body = new byte[id.Length + 1 + padding];
        Encoding.ASCII.GetBytes(id, body);
        body[id.Length] = (byte)' ';
        random.NextBytes(body.AsSpan(id.Length + 1));
        return body;
    }

    /// <summary>Which message a body belongs to.</summary>
    /// <exception cref="InvalidOperationException">It is not as it was published.</exception>
    public static string Read(ReadOnlySpan<byte> body)
    {
        int end = body.IndexOf((byte)' ');
        string id = end < 0 ? "" : Encoding.ASCII.GetString(body[..end]);
        return end > 0 && body.SequenceEqual(Make(id)) ? id : throw new InvalidOperationException($"The body of message '{id}' is not as it was published.");
    }

    /// <summary>The publisher of a message, and its place in the order of what it published.</summary>
    public static (int Publisher, long Order) Place(string id)
    {
        string[] parts = id.Split('.');
        long life = long.Parse(parts[0], CultureInfo.InvariantCulture);
        return (int.Parse(parts[1], CultureInfo.InvariantCulture), (life << 32) + long.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    // String.GetHashCode differs from process to process.
    private static int Hash(string id)
    {
        uint hash = 2_166_136_261;
        foreach (char letter in id)
        {
            hash = (hash ^ letter) * 16_777_619;
        }

        return (int)(hash & int.MaxValue);
    }
}
