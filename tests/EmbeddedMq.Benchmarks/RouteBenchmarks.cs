using BenchmarkDotNet.Attributes;
using EmbeddedMq.Exchanges;

namespace EmbeddedMq.Benchmarks;

/// <summary>Finding the queues of a message.</summary>
/// <remarks>On a headers exchange routes are not remembered, and on a fanout exchange with 10,000 bindings neither: there hit and miss are one.</remarks>
[MemoryDiagnoser]
public class RouteBenchmarks
{
    // More keys than routes are remembered, so that each comes back when it is forgotten.
    private const int ColdKeys = 4_096;

    private BenchmarkTopology _topology = null!;
    private Router _router = null!;
    private string[] _keys = [];
    private MessageProperties[] _properties = [];
    private int _next;

    [Params(ExchangeType.Direct, ExchangeType.Topic, ExchangeType.Fanout, ExchangeType.Headers)]
    public string Type { get; set; } = ExchangeType.Direct;

    [Params(1, 100, 10_000)]
    public int Bindings { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _topology = new BenchmarkTopology(Type, Bindings);
        _router = new Router(_topology, seed: 1);
        _keys = [.. Enumerable.Range(0, ColdKeys).Select(number => BenchmarkTopology.Key(number % Bindings))];
        _properties = [.. Enumerable.Range(0, ColdKeys).Select(number => Type == ExchangeType.Headers
            ? new MessageProperties { Headers = BenchmarkTopology.Headers(number % Bindings) }
            : MessageProperties.Empty)];

        // The second time a key comes its route is remembered.
        Hit();
        Hit();
    }

    /// <summary>The same key each time.</summary>
    [Benchmark(Baseline = true)]
    public int Hit() => _router.TryRouteCached(BenchmarkTopology.ExchangeName, _keys[0], out RouteResult route)
        ? route.Queues.Length
        : _router.Route(_topology.Exchange, new RoutingKeys(_keys[0]), _properties[0]).Queues.Length;

    /// <summary>The tables of the exchange, each time with another key.</summary>
    [Benchmark]
    public int Miss()
    {
        _next = (_next + 1) % ColdKeys;
        return _router.Route(_topology.Exchange, new RoutingKeys(_keys[_next]), _properties[_next]).Queues.Length;
    }
}
