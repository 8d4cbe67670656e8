namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>What S8 sends: a record as applications have them, some 100 bytes of JSON.</summary>
/// <param name="Id">The order's number.</param>
/// <param name="Customer">Who ordered.</param>
/// <param name="Product">What.</param>
/// <param name="Amount">For how much.</param>
public sealed record Order(int Id, string Customer, string Product, decimal Amount)
{
    internal static Order New(int id) => new(id, "Ada Lovelace, 12 St James's Square", "punched cards, box of 1,000", 49.90m);
}
