namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>What S2 sends to four: 100 bytes.</summary>
/// <param name="Body">The bytes.</param>
public sealed record Broadcast(byte[] Body)
{
    internal static Broadcast New() => new(new byte[100]);
}
