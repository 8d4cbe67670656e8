namespace EmbeddedMq.Storage;

/// <summary>Keeps a segment of the journal, and all behind it, from being released, until it is disposed of: for what is appended and has no claim yet.</summary>
/// <remarks>Dispose of it once. The default holds nothing.</remarks>
internal readonly struct SegmentHold : IDisposable
{
    private readonly SegmentLedger? _claims;
    private readonly long _address;

    /// <summary>Holds what is appended from now on. Under the append gate, so that no checkpoint looks for what is needed meanwhile.</summary>
    /// <param name="claims">The claims by segment.</param>
    /// <param name="tailAddress">The end of the log.</param>
    internal SegmentHold(SegmentLedger claims, long tailAddress)
    {
        _claims = claims;
        _address = tailAddress;
        claims.Add(tailAddress, 1);
    }

    /// <summary>Whether it holds anything.</summary>
    internal bool IsHeld => _claims is not null;

    /// <inheritdoc/>
    public void Dispose() => _claims?.Release(_address, 1);
}
