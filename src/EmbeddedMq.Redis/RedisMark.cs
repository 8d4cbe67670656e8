using System.Buffers.Text;

namespace EmbeddedMq;

/// <summary>The value of a key: what is known of one message.</summary>
/// <remarks>
/// Layout, in order:
/// <code>
/// state        1 byte: 'C' claimed, 'P' processed, 'F' given up
/// fingerprint  16 bytes
/// token        16 bytes: whose claim it is, or was
/// at           milliseconds since 1970 by the server's clock, in decimal digits
/// </code>
/// The scripts of <see cref="RedisScripts"/> read and write the same.
/// </remarks>
internal static class RedisMark
{
    private const int AtOffset = 1 + Fingerprint.ByteCount + TokenBytes;

    /// <summary>How many bytes a token has.</summary>
    internal const int TokenBytes = 16;

    /// <summary>Fingerprint and token, as values hold them.</summary>
    /// <param name="fingerprint">The fingerprint.</param>
    /// <param name="token">The token.</param>
    internal static byte[] WriteBody(Fingerprint fingerprint, Guid token)
    {
        byte[] body = new byte[Fingerprint.ByteCount + TokenBytes];
        fingerprint.WriteTo(body);
        token.TryWriteBytes(body.AsSpan(Fingerprint.ByteCount));
        return body;
    }

    /// <summary>Reads a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="key">Its key, for the error.</param>
    /// <exception cref="InvalidOperationException">It was not written by this store.</exception>
    internal static IdempotenceMark Read(ReadOnlySpan<byte> value, string key)
    {
        if (value.Length <= AtOffset
            || StateOf(value[0]) is not { } state
            || !Utf8Parser.TryParse(value[AtOffset..], out long at, out int digits)
            || AtOffset + digits != value.Length)
        {
            throw new InvalidOperationException($"The key '{key}' holds something that no idempotence store wrote. Give the store a prefix of its own.");
        }

        return new IdempotenceMark(state, Fingerprint.Read(value.Slice(1, Fingerprint.ByteCount)), DateTimeOffset.FromUnixTimeMilliseconds(at));
    }

    private static IdempotenceState? StateOf(byte state) => (char)state switch
    {
        'C' => IdempotenceState.Claimed,
        'P' => IdempotenceState.Processed,
        'F' => IdempotenceState.Failed,
        _ => null,
    };
}
