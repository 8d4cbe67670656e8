namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>What S4 asks: 100 bytes.</summary>
/// <param name="Body">The bytes.</param>
public sealed record Question(byte[] Body)
{
    internal static Question New() => new(new byte[100]);
}
