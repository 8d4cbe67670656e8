using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Tests.Bindings;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Exchanges;

public sealed class RouterTests
{
    private readonly FakeTopology _topology = new();

    [Fact]
    public void ExchangeToExchange_Chain_ReachesTheQueuesOfAll()
    {
        _topology.Declare("a", ExchangeType.Topic);
        _topology.Declare("b", ExchangeType.Direct);
        _topology.Declare("c", ExchangeType.Fanout);
        _topology.Bind("a", "b", "order.#");
        _topology.Bind("b", "c", "order.placed");
        _topology.Bind("a", "first", "#");
        _topology.Bind("c", "last");

        Assert.Equal("first last", _topology.Route("a", "order.placed"));
        Assert.Equal("first", _topology.Route("a", "order.paid"));
        Assert.Equal("first", _topology.Route("a", "other"));
    }

    [Fact]
    public void ExchangeToExchange_Cycle_Ends()
    {
        foreach (string name in (string[])["a", "b", "c"])
        {
            _topology.Declare(name, ExchangeType.Fanout);
            _topology.Bind(name, "q" + name);
        }

        _topology.Bind("a", "b");
        _topology.Bind("b", "c");
        _topology.Bind("c", "a");
        _topology.Bind("a", "a");

        Assert.Equal("qa qb qc", _topology.Route("a", "key"));
        Assert.Equal("qb qc qa", _topology.Route("b", "key"));
    }

    [Fact]
    public void Queue_ReachedOnManyWays_ReceivesOnce()
    {
        _topology.Declare("a", ExchangeType.Topic);
        _topology.Declare("b", ExchangeType.Fanout);
        _topology.Bind("a", "q", "#");
        _topology.Bind("a", "q", "x.*");
        _topology.Bind("a", "b", "x.#");
        _topology.Bind("b", "q");
        _topology.Bind("b", "q", "again");

        Assert.Equal("q", _topology.Route("a", "x.y", ("CC", new[] { "x.z", "x.y" })));
    }

    [Fact]
    public void Alternate_NothingMatches_Routes()
    {
        _topology.Declare("x", ExchangeType.Direct, ("alternate-exchange", "other"));
        _topology.Declare("other", ExchangeType.Fanout);
        _topology.Bind("x", "matched", "key");
        _topology.Bind("other", "unmatched");

        Assert.Equal("matched", _topology.Route("x", "key"));
        Assert.Equal("unmatched", _topology.Route("x", "no"));
    }

    [Fact]
    public void Alternate_AnotherKeyMatches_IsNotUsed()
    {
        _topology.Declare("x", ExchangeType.Direct, ("alternate-exchange", "other"));
        _topology.Declare("other", ExchangeType.Fanout);
        _topology.Bind("x", "matched", "key");
        _topology.Bind("other", "unmatched");

        Assert.Equal("matched", _topology.Route("x", "no", ("CC", new[] { "key" })));
        Assert.Equal("matched", _topology.Route("x", "no", ("BCC", new[] { "key" })));
        Assert.Equal("unmatched", _topology.Route("x", "no", ("CC", new[] { "neither" })));
    }

    [Fact]
    public void Alternate_Missing_IsUnroutableUntilItIsDeclared()
    {
        _topology.Declare("x", ExchangeType.Direct, ("alternate-exchange", "other"));

        Assert.Equal("", _topology.Route("x", "key"));
        Assert.Equal("", _topology.Route("x", "key"));
        _topology.Declare("other", ExchangeType.Fanout);
        _topology.Bind("other", "q");
        Assert.Equal("q", _topology.Route("x", "key"));
    }

    [Fact]
    public void Alternate_ChainWithCycle_Ends()
    {
        _topology.Declare("a", ExchangeType.Direct, ("alternate-exchange", "b"));
        _topology.Declare("b", ExchangeType.Direct, ("alternate-exchange", "c"));
        _topology.Declare("c", ExchangeType.Direct, ("alternate-exchange", "a"));

        Assert.Equal("", _topology.Route("a", "key"));
        _topology.Bind("c", "q", "key");
        Assert.Equal("q", _topology.Route("a", "key"));
        Assert.Equal("q", _topology.Route("b", "key"));
    }

    [Fact]
    public void Alternate_MatchLeadsToAnExchangeWithoutMatch_IsThatExchanges()
    {
        _topology.Declare("x", ExchangeType.Fanout, ("alternate-exchange", "of-x"));
        _topology.Declare("y", ExchangeType.Direct);
        _topology.Declare("of-x", ExchangeType.Fanout);
        _topology.Declare("of-y", ExchangeType.Fanout);
        _topology.Bind("x", "y");
        _topology.Bind("of-x", "qx");
        _topology.Bind("of-y", "qy");

        Assert.Equal("", _topology.Route("x", "key"));
        _topology.SetAlternate("y", "of-y");
        Assert.Equal("qy", _topology.Route("x", "key"));
    }

    [Fact]
    public void Alternate_MatchWasReachedBefore_IsNotUsed()
    {
        // y matches, though with nothing new: its alternate must stay out.
        _topology.Declare("x", ExchangeType.Fanout);
        _topology.Declare("y", ExchangeType.Fanout, ("alternate-exchange", "of-y"));
        _topology.Declare("of-y", ExchangeType.Fanout);
        _topology.Bind("x", "q");
        _topology.Bind("x", "y");
        _topology.Bind("y", "q");
        _topology.Bind("of-y", "wrong");

        Assert.Equal("q", _topology.Route("x", "key"));
    }

    [Fact]
    public void Alternate_SetByPolicy_CountsAtOnce()
    {
        _topology.Declare("x", ExchangeType.Direct);
        _topology.Declare("y", ExchangeType.Fanout);
        _topology.Bind("y", "q");
        Route3("");

        _topology.SetAlternate("x", "y");
        Route3("q");
        _topology.SetAlternate("x", null);
        Route3("");

        void Route3(string expected) => Assert.All(Enumerable.Range(0, 3), _ => Assert.Equal(expected, _topology.Route("x", "key")));
    }

    [Fact]
    public void CarbonCopies_EachKey_IsRoutedByTypesThatLookAtKeys()
    {
        foreach (string queue in (string[])["a", "b", "c"])
        {
            _topology.DeclareQueue(queue);
        }

        Assert.Equal("a b c", _topology.Route("", "a", ("CC", new[] { "b" }), ("BCC", new[] { "c", "none" })));
        Assert.Equal("b", _topology.Route("", "none", ("CC", new[] { "b" })));
        Assert.Equal("a", _topology.Route("", "a"));

        _topology.Declare("t", ExchangeType.Topic);
        _topology.Declare("d", ExchangeType.Direct);
        _topology.Bind("t", "a", "one.*");
        _topology.Bind("t", "d", "two.*");
        _topology.Bind("d", "b", "one.x");
        Assert.Equal("a b", _topology.Route("t", "one.x", ("CC", new[] { "two.x" })));
        Assert.Equal("a", _topology.Route("t", "one.x"));
    }

    [Fact]
    public void KeysGiven_NotRead_AreUsedAsTheyAre()
    {
        // Dead-lettering: BCC has left the headers, and its keys are used once more.
        _topology.DeclareQueue("a");
        _topology.DeclareQueue("b");

        RouteResult result = _topology.Router.Route(_topology.FindExchange("")!, new RoutingKeys("a", ["b"]), MessageProperties.Empty);

        Assert.Equal(["a", "b"], result.Queues.ToArray().Select(queue => queue.Name));
    }

    [Fact]
    public void Remembered_TopologyChanges_IsForgotten()
    {
        _topology.Declare("x", ExchangeType.Topic);
        _topology.Bind("x", "one", "a.*");
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal("one", _topology.Route("x", "a.b"));
        }

        Assert.True(_topology.Router.TryRouteCached("x", "a.b", out RouteResult cached));
        Assert.Equal(1, cached.Queues.Length);

        _topology.Bind("x", "two", "#");
        Assert.False(_topology.Router.TryRouteCached("x", "a.b", out _));
        Assert.Equal("one two", string.Join(' ', _topology.Route("x", "a.b").Split(' ').Order(StringComparer.Ordinal)));
        _topology.Delete("x");
        Assert.False(_topology.Router.TryRouteCached("x", "a.b", out _));
    }

    [Fact]
    public void Remembered_ExchangeReplacedBeforeRouting_IsNot()
    {
        Exchange old = _topology.Declare("x", ExchangeType.Fanout);
        _topology.Declare("x", ExchangeType.Fanout);
        _topology.Bind("x", "q");

        // A channel found the old exchange, was held up, and routes with the new version.
        for (int i = 0; i < 3; i++)
        {
            Assert.False(_topology.Router.Route(old, new RoutingKeys("key"), MessageProperties.Empty).IsRouted);
        }

        Assert.Equal("q", _topology.Route("x", "key"));
    }

    [Theory]
    [InlineData(ExchangeType.Headers)]
    [InlineData(ExchangeType.Random)]
    [InlineData(ExchangeType.Delayed)]
    public void Remembered_RouteDependsOnMoreThanTheKey_IsNot(string type)
    {
        _topology.Declare("front", ExchangeType.Fanout);
        _topology.Declare("x", type, ("x-delayed-type", "fanout"));
        _topology.Bind("front", "x");
        _topology.Bind("x", "q");
        for (int i = 0; i < 3; i++)
        {
            _topology.Route("front", "key");
            _topology.Route("x", "key");
        }

        Assert.False(_topology.Router.TryRouteCached("front", "key", out _));
        Assert.False(_topology.Router.TryRouteCached("x", "key", out _));
    }

    [Fact]
    public void Remembered_MessageHadCarbonCopies_IsNot()
    {
        _topology.DeclareQueue("a");
        _topology.DeclareQueue("b");
        for (int i = 0; i < 3; i++)
        {
            _topology.Route("", "a", ("CC", new[] { "b" }));
        }

        Assert.False(_topology.Router.TryRouteCached("", "a", out _));
        Assert.Equal("a", _topology.Route("", "a"));
    }

    [Fact]
    public void SteadyState_Routing_AllocatesNothing()
    {
        _topology.Declare("x", ExchangeType.Topic, ("alternate-exchange", "alternate"));
        _topology.Declare("alternate", ExchangeType.Fanout);
        _topology.Declare("direct", ExchangeType.Direct);
        _topology.Declare("headers", ExchangeType.Headers);
        _topology.Bind("x", "direct", "order.#");
        _topology.Bind("x", "headers", "#.placed");
        _topology.Bind("direct", "one", "order.placed");
        _topology.Bind("headers", "two", "", HeaderTable.Of("a", 1));
        _topology.Bind("alternate", "three");
        MessageProperties plain = new() { Headers = HeaderTable.Of("a", 1) };
        string[] keys = [.. Enumerable.Range(0, 2000).Select(i => $"key{i}")];
        Exchange x = _topology.FindExchange("x")!;
        Assert.Equal(100 + 200 + 2000, Route());

        long before = GC.GetAllocatedBytesForCurrentThread();
        Route();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        int Route()
        {
            int queueCount = 0;
            for (int i = 0; i < 100; i++)
            {
                // By a remembered route, by one that is never remembered, and by keys that never come again.
                if (!_topology.Router.TryRouteCached("direct", "order.placed", out RouteResult result))
                {
                    result = _topology.Router.Route(_topology.FindExchange("direct")!, new RoutingKeys("order.placed"), plain);
                }

                queueCount += result.Queues.Length;
                queueCount += _topology.Router.Route(x, new RoutingKeys("order.placed"), plain).Queues.Length;
            }

            foreach (string key in keys)
            {
                queueCount += _topology.Router.Route(x, new RoutingKeys(key), plain).Queues.Length;
            }

            return queueCount;
        }
    }

    [Fact]
    public void RandomTopologies_RememberedAndFreshRoutes_AgreeWithANaiveRouter()
    {
        int seed = Seeds.Pick(20_260_113);
        for (int script = 0; script < Seeds.ScriptCount(150); script++)
        {
            Random random = Seeds.Generator(seed, script);
            FakeTopology topology = new();
            NaiveRouter naive = new(topology);
            string[] names = ["x0", "x1", "x2", "x3", "x4"];
            string[] types = [ExchangeType.Direct, ExchangeType.Fanout, ExchangeType.Topic, ExchangeType.Headers];
            string[] keys = ["a", "b", "a.b", ""];
            foreach (string name in names)
            {
                topology.Declare(name, types[random.Next(types.Length)]);
            }

            for (int step = 0; step < 150; step++)
            {
                if (random.Next(10) == 0)
                {
                    Change(topology, random, names);
                }

                string exchange = random.Next(6) == 0 ? "" : names[random.Next(names.Length)];
                string key = exchange.Length == 0 ? $"q{random.Next(6)}" : keys[random.Next(keys.Length)];
                HeaderTable headers = HeaderTable.Empty;
                headers = random.Next(3) == 0 ? headers.With("h", random.Next(2)) : headers;
                headers = random.Next(5) == 0 ? headers.With("CC", new[] { keys[random.Next(keys.Length)], "q1" }) : headers;
                MessageProperties properties = new() { Headers = headers.Count == 0 ? null : headers };

                string actual = topology.Route(exchange, key, properties);

                string[] reached = actual.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                string at = $"seed {seed}, script {script}, step {step}: exchange '{exchange}', key '{key}', routed to '{actual}'";
                Assert.True(reached.Distinct().Count() == reached.Length, at);
                Assert.True(naive.Route(exchange, key, headers).SetEquals(reached), at);
            }
        }
    }

    private static void Change(FakeTopology topology, Random random, string[] names)
    {
        string source = names[random.Next(names.Length)];
        string[] bindingKeys = ["a", "b", "a.b", "", "#", "*", "a.*"];
        switch (random.Next(8))
        {
            case 0:
                topology.SetAlternate(source, random.Next(3) == 0 ? null : random.Next(3) == 0 ? "missing" : names[random.Next(names.Length)]);
                break;
            case 1:
                topology.DeclareQueue($"q{random.Next(6)}");
                break;
            case 2 or 3 when topology.FindExchange(source)!.GetBindings() is { Length: > 0 } bindings:
                Binding binding = bindings[random.Next(bindings.Length)];
                topology.Unbind(source, binding.Destination.Name, binding.RoutingKey, binding.Arguments);
                break;
            default:
                string destination = random.Next(2) == 0 ? names[random.Next(names.Length)] : $"q{random.Next(6)}";
                HeaderTable arguments = random.Next(2) == 0 ? HeaderTable.Empty : HeaderTable.Of("h", random.Next(2));
                topology.Bind(source, destination, bindingKeys[random.Next(bindingKeys.Length)], arguments);
                break;
        }
    }

    /// <summary>Routing as the rules say it, over plain lists of bindings.</summary>
    private sealed class NaiveRouter(FakeTopology topology)
    {
        public HashSet<string> Route(string exchange, string key, HeaderTable headers)
        {
            string[] keys = [key, .. (headers.GetValueOrDefault("CC") as IReadOnlyList<object?> ?? []).Cast<string>()];
            HashSet<string> queues = [];
            Visit(exchange, keys, headers, queues, []);
            return queues;
        }

        private void Visit(string name, string[] keys, HeaderTable headers, HashSet<string> queues, HashSet<string> seen)
        {
            if (topology.FindExchange(name) is not { } exchange || !seen.Add(name))
            {
                return;
            }

            IDestination[] matches = name.Length == 0
                ? [.. keys.Select(topology.FindQueue).OfType<IDestination>()]
                : [.. exchange.GetBindings().Where(binding => IsMatch(exchange, binding, keys, headers)).Select(binding => binding.Destination)];
            foreach (IDestination match in matches)
            {
                if (match.Kind == DestinationKind.Queue)
                {
                    queues.Add(match.Name);
                }
                else
                {
                    Visit(match.Name, keys, headers, queues, seen);
                }
            }

            if (matches.Length == 0 && exchange.EffectiveAlternate is { } alternate)
            {
                Visit(alternate, keys, headers, queues, seen);
            }
        }

        private static bool IsMatch(Exchange exchange, Binding binding, string[] keys, HeaderTable headers) => exchange.Declaration.Type switch
        {
            ExchangeType.Direct => keys.Contains(binding.RoutingKey),
            ExchangeType.Topic => keys.Any(key => NaiveTopic.IsMatch(binding.RoutingKey, key)),
            ExchangeType.Headers => binding.Arguments.All(argument => Equals(headers.GetValueOrDefault(argument.Key), argument.Value)),
            _ => true,
        };
    }
}
