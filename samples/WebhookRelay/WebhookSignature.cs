using System.Security.Cryptography;
using System.Text;

namespace WebhookRelay;

/// <summary>GitHub's signature of a webhook: HMAC-SHA-256 of the body as it came, in hex, after <c>sha256=</c>.</summary>
/// <remarks>Source: docs.github.com, "Validating webhook deliveries".</remarks>
internal static class WebhookSignature
{
    private const string Prefix = "sha256=";

    public static bool IsValid(string secret, ReadOnlySpan<byte> body, string signature)
    {
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body, expected);

        Span<byte> actual = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (signature.Length != Prefix.Length + (2 * actual.Length)
            || !signature.StartsWith(Prefix, StringComparison.Ordinal)
            || Convert.FromHexString(signature.AsSpan(Prefix.Length), actual, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        // In constant time: how long the comparison takes must not tell how much of a guess was right.
        return CryptographicOperations.FixedTimeEquals(expected, actual);
    }
}
