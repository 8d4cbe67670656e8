using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;

namespace EmbeddedMq.Benchmarks;

/// <summary>One exchange with bindings, and no virtual host: what a router sees.</summary>
internal sealed class BenchmarkTopology : IExchangeDirectory
{
    internal const string ExchangeName = "bench";

    /// <summary>The header that messages are routed by on a headers exchange.</summary>
    internal const string HeaderName = "order";

    /// <summary>Makes the exchange. Each binding has a queue of its own; a key leads to one of them, except on a fanout exchange.</summary>
    /// <param name="type">The exchange's type.</param>
    /// <param name="bindings">How many bindings it has. On a topic exchange every other one has a wildcard.</param>
    internal BenchmarkTopology(string type, int bindings)
    {
        Exchange = ExchangeFactory.Create("/", new ExchangeDeclaration(ExchangeName, type));
        for (int i = 0; i < bindings; i++)
        {
            string key = Key(i);
            string pattern = type == ExchangeType.Topic && i % 2 == 1 ? key[..key.LastIndexOf('.')] + ".*" : key;
            Exchange.Add(new Binding(ExchangeName, new NamedQueue(key), pattern, type == ExchangeType.Headers ? Headers(i) : HeaderTable.Empty));
        }
    }

    /// <inheritdoc/>
    public long Version => 1;

    internal Exchange Exchange { get; }

    /// <inheritdoc/>
    public Exchange? FindExchange(string name) => name == ExchangeName ? Exchange : null;

    /// <summary>The key that leads to a queue.</summary>
    internal static string Key(int number) => $"shop.{number}.placed";

    /// <summary>The headers that lead to a queue.</summary>
    internal static HeaderTable Headers(int number) => new([new KeyValuePair<string, object?>(HeaderName, number)]);

    private sealed class NamedQueue(string name) : IDestination
    {
        public string Name { get; } = name;

        public DestinationKind Kind => DestinationKind.Queue;
    }
}
