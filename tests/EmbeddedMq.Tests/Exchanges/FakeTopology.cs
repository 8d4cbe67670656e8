using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Tests.Bindings;

namespace EmbeddedMq.Tests.Exchanges;

/// <summary>Names and bindings without a virtual host: what a router sees.</summary>
internal sealed class FakeTopology : IExchangeDirectory, IQueueDirectory
{
    private readonly Dictionary<string, Exchange> _exchanges = [];
    private readonly Dictionary<string, FakeQueue> _queues = [];

    public FakeTopology()
    {
        _exchanges[""] = ExchangeFactory.CreateDefault(this);
        Router = new Router(this, seed: 1);
    }

    public long Version { get; private set; }

    public Router Router { get; }

    public Exchange? FindExchange(string name) => _exchanges.GetValueOrDefault(name);

    public IDestination? FindQueue(string name) => _queues.GetValueOrDefault(name);

    public Exchange Declare(string name, string type, params (string Name, object? Value)[] arguments)
    {
        ExchangeDeclaration declaration = new(name, type)
        {
            Arguments = new HeaderTable(arguments.Select(a => new KeyValuePair<string, object?>(a.Name, a.Value))),
        };
        Version++;
        return _exchanges[name] = ExchangeFactory.Create("/", declaration);
    }

    public FakeQueue DeclareQueue(string name)
    {
        if (!_queues.TryGetValue(name, out FakeQueue? queue))
        {
            _queues[name] = queue = new FakeQueue(name);
            Version++;
        }

        return queue;
    }

    /// <summary>Binds a queue, or an exchange where one has the name; declares the queue if need be.</summary>
    public Binding Bind(string source, string destination, string key = "", HeaderTable? arguments = null)
    {
        Binding binding = new(source, DestinationOf(destination), key, arguments ?? HeaderTable.Empty);
        _exchanges[source].ValidateBinding(binding);
        _exchanges[source].Add(binding);
        Version++;
        return binding;
    }

    public bool Unbind(string source, string destination, string key = "", HeaderTable? arguments = null)
    {
        bool isRemoved = _exchanges[source].Remove(new Binding(source, DestinationOf(destination), key, arguments ?? HeaderTable.Empty));
        Version++;
        return isRemoved;
    }

    public void Delete(string exchange)
    {
        _exchanges.Remove(exchange, out Exchange? deleted);
        foreach (Binding binding in _exchanges.Values.SelectMany(source => source.GetBindings()).Where(b => ReferenceEquals(b.Destination, deleted)))
        {
            _exchanges[binding.Source].Remove(binding);
        }

        Version++;
    }

    public void SetAlternate(string exchange, string? alternate)
    {
        _exchanges[exchange].EffectiveAlternate = alternate;
        Version++;
    }

    /// <summary>Routes as a channel does, remembered routes first.</summary>
    /// <returns>The names of the queues, in order; delayed exchanges behind them in brackets.</returns>
    public string Route(string exchange, string key, params (string Name, object? Value)[] headers)
    {
        MessageProperties properties = headers.Length == 0
            ? MessageProperties.Empty
            : new MessageProperties { Headers = new HeaderTable(headers.Select(h => new KeyValuePair<string, object?>(h.Name, h.Value))) };
        return Route(exchange, key, properties);
    }

    public string Route(string exchange, string key, MessageProperties properties)
    {
        RoutingKeys keys = RoutingKeys.Read(key, properties);
        if (keys.HasAdditional || !Router.TryRouteCached(exchange, key, out RouteResult result))
        {
            result = Router.Route(_exchanges[exchange], keys, properties);
        }

        Assert.Same(_exchanges[exchange], result.Source);
        Assert.Equal(!result.Queues.IsEmpty || !result.Delayed.IsEmpty, result.IsRouted);
        return string.Join(' ', result.Queues.ToArray().Select(q => q.Name).Concat(result.Delayed.ToArray().Select(x => $"({x.Name})")));
    }

    private IDestination DestinationOf(string name)
        => _exchanges.TryGetValue(name, out Exchange? exchange) ? exchange : _queues.TryGetValue(name, out FakeQueue? queue) ? queue : DeclareQueue(name);
}
