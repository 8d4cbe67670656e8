using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace EmbeddedMq.Idempotence;

/// <summary>Says which shard of one layout a message belongs to. Immutable.</summary>
/// <remarks>
/// <para>Each shard draws a lot for each message, made from its name and the message's scope and id, and the highest lot wins (rendezvous hashing): a shard
/// that is added takes one message in n + 1, from all of the others alike, and moves no other.</para>
/// <para>What decides is the same in every process and version: where messages are is stored in where they are.</para>
/// </remarks>
internal sealed class ShardRouter
{
    private readonly string[] _shards;
    private readonly ulong[] _seeds;

    /// <summary>Makes a router.</summary>
    /// <param name="shards">The names of the shards.</param>
    public ShardRouter(IEnumerable<string> shards)
    {
        _shards = [.. shards.Order(StringComparer.Ordinal)];
        _seeds = [.. _shards.Select(static shard => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(shard)))];
    }

    /// <summary>What a message's lots are drawn from.</summary>
    /// <param name="scope">Its scope.</param>
    /// <param name="messageId">Its id.</param>
    /// <remarks>The scope's length comes first, so that no other scope and id are written alike.</remarks>
    public static ulong HashOf(string scope, string messageId)
    {
        int most = sizeof(int) + Encoding.UTF8.GetMaxByteCount(scope.Length) + Encoding.UTF8.GetMaxByteCount(messageId.Length);
        Span<byte> bytes = most <= 1_024 ? stackalloc byte[most] : new byte[most];
        int scopeBytes = Encoding.UTF8.GetBytes(scope, bytes[sizeof(int)..]);
        BinaryPrimitives.WriteInt32BigEndian(bytes, scopeBytes);
        int end = sizeof(int) + scopeBytes;
        end += Encoding.UTF8.GetBytes(messageId, bytes[end..]);
        return XxHash3.HashToUInt64(bytes[..end]);
    }

    /// <summary>The shard of a message.</summary>
    /// <param name="hash">What <see cref="HashOf"/> gave.</param>
    public string OwnerOf(ulong hash)
    {
        int owner = 0;
        ulong highest = 0;
        for (int i = 0; i < _seeds.Length; i++)
        {
            ulong lot = Mix(hash ^ _seeds[i]);
            if (lot > highest)
            {
                (owner, highest) = (i, lot);
            }
        }

        return _shards[owner];
    }

    // The finalizer of SplitMix64: each bit of the result depends on every bit of what goes in.
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
