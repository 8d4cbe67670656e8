namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>What S1 and S3 send: 100 bytes.</summary>
/// <param name="Body">The bytes.</param>
public sealed record Parcel(byte[] Body)
{
    internal static Parcel New() => new(new byte[100]);
}
