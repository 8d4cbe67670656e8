using System.Runtime.InteropServices;

namespace EmbeddedMq.Journal;

/// <summary>What an <see cref="IReceiptIndex"/> keeps under a key. 24 bytes without a reference: there may be millions.</summary>
/// <param name="fingerprint">128 bits that tell two messages of one key apart.</param>
/// <param name="state">How the message was dealt with.</param>
/// <param name="atUtcMs">When, in milliseconds since 1970, UTC; less than 2^55.</param>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
internal readonly struct IndexedReceipt(UInt128 fingerprint, byte state, long atUtcMs)
{
    private readonly ulong _high = (ulong)(fingerprint >> 64);
    private readonly ulong _low = (ulong)fingerprint;
    private readonly ulong _stateAndTime = ((ulong)atUtcMs << 8) | state;

    /// <summary>128 bits that tell two messages of one key apart.</summary>
    internal UInt128 Fingerprint => new(_high, _low);

    /// <summary>How the message was dealt with.</summary>
    internal byte State => (byte)_stateAndTime;

    /// <summary>When, in milliseconds since 1970, UTC.</summary>
    internal long AtUtcMs => (long)(_stateAndTime >> 8);
}
