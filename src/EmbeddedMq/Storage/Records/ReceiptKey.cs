using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace EmbeddedMq.Storage.Records;

/// <summary>Makes the key of a receipt from a scope and an id. The keys are stored: the function never changes.</summary>
/// <remarks>
/// The first 128 bits of BLAKE3 over the scope's length in bytes of UTF-8 (one byte), the scope and the id; of SHA-256 if that is longer than 1,024
/// bytes. Two ids with one key would be taken for one message; that this happens by chance among 10 million ids has a likelihood of 1 in 10^24. The
/// hash is a cryptographic one because ids come from outside: whoever could find two ids of one key could have another's message taken for a duplicate.
/// </remarks>
internal static class ReceiptKey
{
    private const int MostOnStack = 512;

    /// <summary>Makes a key.</summary>
    /// <param name="scope">What the id counts for, at most 255 bytes of UTF-8.</param>
    /// <param name="id">The id.</param>
    /// <exception cref="ArgumentException">The scope is longer.</exception>
    internal static UInt128 Of(string scope, string id)
    {
        int scopeBytes = Encoding.UTF8.GetByteCount(scope);
        if (scopeBytes > byte.MaxValue)
        {
            throw new ArgumentException($"The scope has {scopeBytes} bytes of UTF-8; at most {byte.MaxValue} are allowed.", nameof(scope));
        }

        int length = 1 + scopeBytes + Encoding.UTF8.GetByteCount(id);
        Span<byte> text = length <= MostOnStack ? stackalloc byte[MostOnStack] : new byte[length];
        text[0] = (byte)scopeBytes;
        Encoding.UTF8.GetBytes(scope, text[1..]);
        Encoding.UTF8.GetBytes(id, text[(1 + scopeBytes)..]);
        if (length <= Blake3.MaxBytes)
        {
            return Blake3.Hash(text[..length]);
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text[..length], hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
