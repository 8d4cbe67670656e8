namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>What S4 is answered: 100 bytes.</summary>
/// <param name="Body">The bytes.</param>
public sealed record Answer(byte[] Body)
{
    internal static Answer New() => new(new byte[100]);
}
