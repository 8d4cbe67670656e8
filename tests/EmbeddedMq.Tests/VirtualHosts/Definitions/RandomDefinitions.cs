using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Tests.VirtualHosts.Definitions;

/// <summary>Makes valid definitions of any shape from a seed. Numbers are of the types that JSON brings back: long and double.</summary>
internal sealed class RandomDefinitions(int seed)
{
    private static readonly string[] Alphabet = ["a", "Z", "0", ".", "#", "*", " ", "\"", "\\", "/", "\n", "\u0000", "é", "漢", "😀", "<", "&", "'", "\u2028"];
    private static readonly string[] ExchangeTypes = ["direct", "fanout", "topic", "headers", "x-consistent-hash", "x-random", "x-local-random", "x-delayed-message"];
    private static readonly string[] Overflows = ["drop-head", "reject-publish", "reject-publish-dlx", "block-publisher"];

    private readonly Random _random = new(seed);

    public EmbeddedMq.VirtualHosts.Definitions Next()
        => new([.. Names(_random.Next(1, 4)).Select(NextVirtualHost)]);

    private VirtualHostDefinition NextVirtualHost(string name)
    {
        ExchangeDeclaration[] exchanges = [.. Names(_random.Next(6)).Select(NextExchange)];
        QueueDeclaration[] queues = [.. Names(_random.Next(6)).Select(NextQueue)];
        return new VirtualHostDefinition(name)
        {
            Exchanges = exchanges,
            Policies = [.. Names(_random.Next(4)).Select(NextPolicy)],
            Queues = queues,
            Bindings = [.. Enumerable.Range(0, _random.Next(10)).Select(_ => NextBinding(exchanges, queues)).Distinct()],
        };
    }

    private ExchangeDeclaration NextExchange(string name)
    {
        ExchangeDeclaration exchange = new(name, Pick(ExchangeTypes))
        {
            IsDurable = Chance(2),
            IsAutoDelete = Chance(3),
            IsInternal = Chance(3),
            Arguments = Chance(2) ? NextTable(3).With("alternate-exchange", NextText()) : NextTable(3),
        };
        return exchange.Type == "x-delayed-message" ? exchange.WithArgument("x-delayed-type", "fanout") : exchange;
    }

    private QueueDeclaration NextQueue(string name)
    {
        QueueDeclaration queue = new(name) { IsDurable = Chance(2), IsAutoDelete = Chance(3), Arguments = NextTable(3) };
        queue = Chance(2) ? queue.WithArgument("x-message-ttl", _random.NextInt64(315_360_000_001)) : queue;
        queue = Chance(3) ? queue.WithArgument("x-dead-letter-exchange", NextText()).WithArgument("x-dead-letter-routing-key", NextText()) : queue;
        queue = Chance(3) ? queue.WithArgument("x-overflow", Pick(Overflows)).WithArgument("x-max-length", _random.NextInt64()) : queue;
        return Chance(3) ? (queue with { IsDurable = true, IsAutoDelete = false }).WithArgument("x-queue-type", "quorum") : queue;
    }

    private Policy NextPolicy(string name)
    {
        HeaderTable definition = HeaderTable.Of("max-length-bytes", _random.NextInt64());
        definition = Chance(2) ? definition.With("overflow", Pick(Overflows)) : definition;
        definition = Chance(2) ? definition.With("alternate-exchange", NextText()) : definition;
        return new Policy(name, Pick(["", ".*", "^orders\\.", "(?!amq)\"ü"]), definition)
        {
            ApplyTo = Pick(Enum.GetValues<PolicyTarget>()),
            Priority = _random.Next(int.MinValue, int.MaxValue),
        };
    }

    private BindingDescription NextBinding(ExchangeDeclaration[] exchanges, QueueDeclaration[] queues)
    {
        // What each type demands of its bindings: a hash a weight, local-random a queue and no key.
        string type = "direct";
        string source = Pick(["amq.direct", "amq.match"]);
        if (exchanges.Length > 0 && Chance(2))
        {
            ExchangeDeclaration exchange = Pick(exchanges);
            (type, source) = exchange.Type == "x-local-random" && queues.Length == 0 ? (type, source) : (exchange.Type, exchange.Name);
        }

        bool toQueue = queues.Length > 0 && (type == "x-local-random" || Chance(2));
        return new BindingDescription(
            source,
            toQueue ? Pick(queues).Name : Pick(["amq.topic", .. exchanges.Select(exchange => exchange.Name)]),
            toQueue ? DestinationKind.Queue : DestinationKind.Exchange,
            type switch { "x-consistent-hash" => $"{_random.Next(1, 100)}", "x-local-random" => "", _ => NextText() },
            NextTable(3));
    }

    private HeaderTable NextTable(int depth)
        => new(Enumerable.Range(0, _random.Next(4)).Select(index => KeyValuePair.Create($"{NextText()}{index}", NextValue(depth))));

    private object? NextValue(int depth) => _random.Next(depth > 0 ? 9 : 7) switch
    {
        0 => null,
        1 => Chance(2),
        2 => _random.NextInt64(long.MinValue, long.MaxValue),
        3 => (long)_random.Next(10),
        4 => BitConverter.Int64BitsToDouble(_random.NextInt64(long.MinValue, long.MaxValue)) is var number && double.IsFinite(number) ? number : 0.5,
        5 => (double)_random.Next(10),
        6 => NextText(),
        7 => NextTable(depth - 1),
        _ => Enumerable.Range(0, _random.Next(4)).Select(_ => NextValue(depth - 1)).ToArray(),
    };

    private IEnumerable<string> Names(int count) => Enumerable.Range(0, count).Select(index => $"{NextText()}{index}");

    private string NextText() => string.Concat(Enumerable.Range(0, _random.Next(12)).Select(_ => Pick(Alphabet)));

    private T Pick<T>(T[] items) => items[_random.Next(items.Length)];

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;
}
