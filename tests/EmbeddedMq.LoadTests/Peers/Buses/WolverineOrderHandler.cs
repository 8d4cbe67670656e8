namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>The handler of S8, which Wolverine makes for each message.</summary>
/// <param name="arrivals">Where it counts.</param>
public sealed class WolverineOrderHandler(Arrivals arrivals)
{
    public void Handle(Order order) => arrivals.Signal();
}
