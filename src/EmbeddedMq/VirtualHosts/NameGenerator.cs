using System.Buffers.Text;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Makes the names and seeds that the broker chooses itself.</summary>
/// <remarks>Thread-safe. With a given seed the choices are the same in each run.</remarks>
/// <param name="seed">The seed.</param>
internal sealed class NameGenerator(int seed)
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);

    /// <summary>A prefix with 22 characters of URL-safe base64 behind it, as RabbitMQ makes them: 128 bits.</summary>
    /// <param name="prefix">The prefix, for example <c>amq.gen-</c>.</param>
    internal string Next(string prefix)
    {
        Span<byte> bytes = stackalloc byte[16];
        lock (_gate)
        {
            _random.NextBytes(bytes);
        }

        return prefix + Base64Url.EncodeToString(bytes);
    }

    /// <summary>A seed for a generator of its own.</summary>
    internal int NextSeed()
    {
        lock (_gate)
        {
            return _random.Next();
        }
    }
}
