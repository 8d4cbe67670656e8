using System.Text;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Tests.VirtualHosts.Definitions;

public sealed class DefinitionsReaderTests
{
    /// <summary>What the management plugin of RabbitMQ 3.10 exports, shortened.</summary>
    private const string FromRabbitMq = """
        {
          "rabbit_version": "3.10.8", "rabbitmq_version": "3.10.8", "product_name": "RabbitMQ", "product_version": "3.10.8",
          "users": [{ "name": "guest", "password_hash": "iNjFz+", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["administrator"], "limits": {} }],
          "vhosts": [{ "limits": [], "metadata": { "description": "Default virtual host", "tags": [] }, "name": "/" }, { "name": "shop" }],
          "permissions": [{ "user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" }],
          "topic_permissions": [], "parameters": [],
          "global_parameters": [{ "name": "internal_cluster_id", "value": "rabbitmq-cluster-id-x" }],
          "policies": [{
            "vhost": "shop", "name": "limits", "pattern": "^orders", "apply-to": "queues", "priority": 3,
            "definition": { "max-length": 1000, "dead-letter-exchange": "dead" } }],
          "queues": [
            { "name": "orders", "vhost": "shop", "type": "quorum", "durable": true, "auto_delete": false,
              "arguments": { "x-queue-type": "quorum", "x-message-ttl": 60000 } },
            { "name": "transient", "vhost": "/", "durable": false, "auto_delete": true, "arguments": {} }],
          "exchanges": [
            { "name": "events", "vhost": "shop", "type": "topic", "durable": true, "auto_delete": false, "internal": false,
              "arguments": { "alternate-exchange": "amq.fanout" } }],
          "bindings": [
            { "source": "events", "vhost": "shop", "destination": "orders", "destination_type": "queue", "routing_key": "order.#", "arguments": {} },
            { "source": "amq.headers", "vhost": "shop", "destination": "events", "destination_type": "exchange", "routing_key": "",
              "arguments": { "x-match": "all", "n": 1, "ratio": 1.0, "deep": [true, null, { "k": "v" }] } }]
        }
        """;

    public static TheoryData<string, string> Faults => new()
    {
        { """{ "queues": {} }""", "queues: should be a list of objects" },
        { """{ "queues": [5] }""", "queues[0]: should be an object" },
        { """{ "queues": [{ "name": "q" }] }""", "queues[0]: 'vhost' is missing" },
        { """{ "queues": [{ "vhost": "/" }] }""", "queues[0]: 'name' is missing" },
        { """{ "queues": [{ "vhost": "/", "name": "" }] }""", "queues[0]: 'name' is empty" },
        { """{ "queues": [{ "vhost": "/", "name": 7 }] }""", "queues[0]: 'name' should be a string, but is 7" },
        { """{ "queues": [{ "vhost": "/", "name": "q", "durable": "yes" }] }""", "queues[0] (queue 'q' in vhost '/'): 'durable' should be true or false, but is \"yes\"" },
        { """{ "queues": [{ "vhost": "/", "name": "q", "durabel": true }] }""", "queues[0] (queue 'q' in vhost '/'): 'durabel' is not known; remove it" },
        { """{ "queues": [{ "vhost": "v", "name": "q" }] }""", "queues[0] (queue 'q' in vhost 'v'): vhost 'v' is not listed in 'vhosts'" },
        { """{ "queues": [{ "vhost": "/", "name": "q", "arguments": [1] }] }""", "queues[0] (queue 'q' in vhost '/').arguments: should be an object" },
        {
            """{ "queues": [{ "vhost": "/", "name": "q", "arguments": { "x-message-ttl": -1 } }] }""",
            "queues[0] (queue 'q' in vhost '/'): invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}"
        },
        {
            """{ "queues": [{ "vhost": "/", "name": "q", "arguments": { "a": { "b": [1, 9223372036854775808] } } }] }""",
            "queues[0] (queue 'q' in vhost '/').arguments.a.b[1]: the number 9223372036854775808 is beyond 64 bits"
        },
        {
            """{ "queues": [{ "vhost": "/", "name": "q", "arguments": { "a": 1e999 } }] }""",
            "queues[0] (queue 'q' in vhost '/').arguments.a: the number 1e999 is beyond a double"
        },
        {
            """{ "queues": [{ "vhost": "/", "name": "q", "type": "stream" }] }""",
            "queues[0] (queue 'q' in vhost '/'): invalid arg 'x-queue-type' for queue 'q' in vhost '/': \"unsupported queue type 'stream'\""
        },
        {
            """{ "queues": [{ "vhost": "/", "name": "q", "type": "quorum", "arguments": { "x-queue-type": "classic" } }] }""",
            "queues[0] (queue 'q' in vhost '/'): 'type' says 'quorum', but x-queue-type 'classic'"
        },
        {
            """{ "queues": [{ "vhost": "/", "name": "q", "exclusive": true }] }""",
            "queues[0] (queue 'q' in vhost '/'): an exclusive queue belongs to a connection and cannot be imported"
        },
        {
            """{ "queues": [{ "vhost": "/", "name": "q" }, { "vhost": "/", "name": "q", "durable": false }] }""",
            "queues[1] (queue 'q' in vhost '/'): an earlier entry of 'queues' defines it differently"
        },
        { """{ "exchanges": [{ "vhost": "/", "name": "x" }] }""", "exchanges[0] (exchange 'x' in vhost '/'): 'type' is missing" },
        { """{ "exchanges": [{ "vhost": "/", "name": "x", "type": "x-foo" }] }""", "exchanges[0] (exchange 'x' in vhost '/'): unknown exchange type 'x-foo'" },
        {
            """{ "exchanges": [{ "vhost": "/", "name": "x", "type": "direct", "arguments": { "alternate-exchange": 1 } }] }""",
            "exchanges[0] (exchange 'x' in vhost '/'): invalid type 'long' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"
        },
        {
            """
            { "exchanges": [{ "vhost": "/", "name": "hash", "type": "x-consistent-hash" }],
              "bindings": [{ "vhost": "/", "source": "hash", "destination": "amq.topic", "destination_type": "exchange", "routing_key": "heavy" }] }
            """,
            "bindings[0] (binding from exchange 'hash' in vhost '/'): The binding key must be an integer: <<\"heavy\">>"
        },
        {
            """
            { "bindings": [{ "vhost": "/", "source": "amq.match", "destination": "amq.topic", "destination_type": "exchange", "routing_key": "",
              "arguments": { "x-match": "most" } }] }
            """,
            "bindings[0] (binding from exchange 'amq.match' in vhost '/'): Invalid x-match field value <<\"most\">>; expected all, any, all-with-x, or any-with-x"
        },
        {
            """{ "exchanges": [{ "vhost": "/", "name": "amq.topic", "type": "direct" }] }""",
            "exchanges[0] (exchange 'amq.topic' in vhost '/'): every vhost has it with the type 'topic', not 'direct'"
        },
        {
            """{ "bindings": [{ "vhost": "/", "source": "amq.direct", "destination": "q", "destination_type": "queue", "routing_key": "" }] }""",
            "bindings[0] (binding from exchange 'amq.direct' in vhost '/'): there is no queue 'q' in vhost '/' in the file"
        },
        {
            """{ "bindings": [{ "vhost": "/", "source": "x", "destination": "amq.fanout", "destination_type": "exchange", "routing_key": "" }] }""",
            "bindings[0] (binding from exchange 'x' in vhost '/'): there is no exchange 'x' in vhost '/' in the file"
        },
        {
            """{ "bindings": [{ "vhost": "/", "source": "amq.direct", "destination": "y", "destination_type": "exchange", "routing_key": "" }] }""",
            "bindings[0] (binding from exchange 'amq.direct' in vhost '/'): there is no exchange 'y' in vhost '/' in the file"
        },
        {
            """{ "bindings": [{ "vhost": "/", "source": "amq.direct", "destination": "q", "destination_type": "topic", "routing_key": "" }] }""",
            "bindings[0] (binding from exchange 'amq.direct' in vhost '/'): destination_type 'topic' should be 'queue' or 'exchange'"
        },
        {
            """{ "bindings": [{ "vhost": "/", "source": "", "destination": "q", "destination_type": "queue", "routing_key": "other" }] }""",
            "bindings[0] (binding from exchange '' in vhost '/'): operation not permitted on the default exchange"
        },
        {
            """{ "policies": [{ "vhost": "/", "name": "p", "pattern": ".*", "definition": { "max-age": "1h" }, "apply-to": "streams" }] }""",
            "policies[0] (policy 'p' in vhost '/'): apply-to 'streams' unrecognised; should be 'queues', 'exchanges', 'all', 'classic_queues' or 'quorum_queues'"
        },
        {
            """{ "policies": [{ "vhost": "/", "name": "p", "pattern": ".*", "definition": { "message-ttl": 60000.0 } }] }""",
            "policies[0] (policy 'p' in vhost '/'): 60000.0 is not a valid message TTL (message-ttl)"
        },
        { """{ "policies": [{ "vhost": "/", "name": "p", "pattern": ".*" }] }""", "policies[0] (policy 'p' in vhost '/'): 'definition' is missing" },
        {
            """{ "policies": [{ "vhost": "/", "name": "p", "pattern": ".*", "definition": { "max-length": 1 }, "priority": 1.5 }] }""",
            "policies[0] (policy 'p' in vhost '/'): 'priority' should be an integer of 32 bits, but is 1.5"
        },
        { """{ "vhosts": [{ "name": "v", "limits": { "max-queues": 5 } }] }""", "vhosts[0] (vhost 'v'): 'limits' is not supported; remove it from the file" },
        { """{ "vhosts": [{ "name": "v", "tracing": true }] }""", "vhosts[0] (vhost 'v'): 'tracing' is not supported; remove it from the file" },
        {
            """{ "vhosts": [{ "name": "v", "metadata": { "default_queue_type": "quorum" } }] }""",
            "vhosts[0] (vhost 'v'): the default queue type 'quorum' is not supported; declare queues with x-queue-type, and remove it from the file"
        },
        {
            """{ "permissions": [{ "user": "u", "vhost": "/", "configure": "", "write": ".*", "read": ".*" }] }""",
            "permissions[0] (user 'u' in vhost '/'): the restriction 'configure': '' is not supported; remove it from the file, and with it the restriction"
        },
        { """{ "users": [{ "name": "u", "limits": { "max-channels": 1 } }] }""", "users[0] (user 'u'): 'limits' is not supported; remove it from the file" },
        {
            """{ "parameters": [{ "vhost": "/", "component": "shovel", "name": "s", "value": {} }] }""",
            "parameters[0]: the component 'shovel' ('s' in vhost '/') is not supported; remove it from the file"
        },
        { """{ "global_parameters": [{ "name": "mqtt_default_vhosts", "value": {} }] }""", "global_parameters[0]: the global parameter 'mqtt_default_vhosts' is not supported; remove it from the file" },
        { """{ "qeues": [{ "name": "q" }] }""", "the file: 'qeues' is not known; remove it" },
    };

    [Fact]
    public async Task FileOfRabbitMq_IsReadWhole()
    {
        EmbeddedMq.VirtualHosts.Definitions definitions = await ReadAsync(FromRabbitMq);

        Assert.Equal(["/", "shop"], definitions.VirtualHosts.Select(host => host.Name));
        Assert.Equal(new QueueDeclaration("transient").AutoDelete(), Assert.Single(definitions.VirtualHosts[0].Queues));

        VirtualHostDefinition shop = definitions.VirtualHosts[1];
        Assert.Equal(
            new QueueDeclaration("orders").Durable().WithArgument("x-queue-type", "quorum").WithArgument("x-message-ttl", 60_000L),
            Assert.Single(shop.Queues));
        Assert.Equal(new ExchangeDeclaration("events", "topic").Durable().AlternateExchange("amq.fanout"), Assert.Single(shop.Exchanges));
        Assert.Equal(
            new Policy("limits", "^orders", new HeaderTable([new("max-length", 1_000L), new("dead-letter-exchange", "dead")])) { ApplyTo = PolicyTarget.Queues, Priority = 3 },
            Assert.Single(shop.Policies));
        HeaderTable arguments = new(
        [
            new("x-match", "all"), new("n", 1L), new("ratio", 1.0), new("deep", new object?[] { true, null, HeaderTable.Of("k", "v") }),
        ]);
        Assert.Equal(
            [
                new BindingDescription("events", "orders", DestinationKind.Queue, "order.#", HeaderTable.Empty),
                new BindingDescription("amq.headers", "events", DestinationKind.Exchange, "", arguments),
            ],
            shop.Bindings);
    }

    [Fact]
    public async Task WhatChangesNothing_IsPassedOverAndListed()
    {
        EmbeddedMq.VirtualHosts.Definitions definitions = await ReadAsync(FromRabbitMq);

        Assert.Equal(
            [
                "vhosts[0] (vhost '/'): description, tags and other metadata are not kept",
                "users: 1 passed over: there is no user store; whoever is in the process may connect",
                "permissions: 1 passed over: they permit all, as the broker does",
                "global_parameters: 1 passed over: they describe a cluster",
            ],
            definitions.Ignored);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Fault_IsReportedWithItsPlace(string json, string error)
    {
        DefinitionsException exception = await Assert.ThrowsAsync<DefinitionsException>(async () => await ReadAsync(json));

        Assert.Equal([error], exception.Errors);
    }

    [Fact]
    public async Task SeveralFaults_AreReportedTogether()
    {
        const string Json = """
            {
              "vhosts": [{ "name": "a" }],
              "queues": [{ "vhost": "a", "name": "q", "durable": 1, "arguments": { "x-max-length": -1 } }, { "vhost": "b", "name": "r" }],
              "bindings": [{ "vhost": "a", "source": "amq.direct", "destination": "q", "destination_type": "queue", "routing_key": "k" },
                           { "vhost": "a", "source": "x", "destination": "s", "destination_type": "queue", "routing_key": "k" }],
              "parameters": [{ "component": "federation-upstream", "name": "f", "vhost": "a" }]
            }
            """;

        DefinitionsException exception = await Assert.ThrowsAsync<DefinitionsException>(async () => await ReadAsync(Json));

        Assert.Equal(
            [
                "queues[0] (queue 'q' in vhost 'a'): 'durable' should be true or false, but is 1",
                "queues[1] (queue 'r' in vhost 'b'): vhost 'b' is not listed in 'vhosts'",
                "bindings[1] (binding from exchange 'x' in vhost 'a'): there is no exchange 'x' in vhost 'a' in the file",
                "bindings[1] (binding from exchange 'x' in vhost 'a'): there is no queue 's' in vhost 'a' in the file",
                "parameters[0]: the component 'federation-upstream' ('f' in vhost 'a') is not supported; remove it from the file",
            ],
            exception.Errors);
        Assert.Contains(exception.Errors[4], exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("{ \"queues\": [")]
    [InlineData("{ \"queues\": [], \"queues\": [] }")]
    public async Task File_IsNoJsonObject_IsRefused(string json)
    {
        DefinitionsException exception = await Assert.ThrowsAsync<DefinitionsException>(async () => await ReadAsync(json));

        Assert.StartsWith("the file is not a JSON object: ", Assert.Single(exception.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_IsNotUnicode_IsRefused()
    {
        DefinitionsException exception = await Assert.ThrowsAsync<DefinitionsException>(
            async () => await ReadAsync("""{ "queues": [{ "vhost": "/", "name": "\ud800" }] }"""));

        Assert.StartsWith("queues: ", Assert.Single(exception.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Arguments_LongerThanTheStoreTakes_AreRefused()
    {
        DefinitionsException exception = await Assert.ThrowsAsync<DefinitionsException>(
            async () => await ReadAsync($$"""{ "queues": [{ "vhost": "/", "name": "q", "arguments": { "x-long": "{{new string('x', 1 << 20)}}" } }] }"""));

        Assert.EndsWith("the arguments take 1048592 bytes, and may take 1048576", Assert.Single(exception.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_WithAByteOrderMark_IsRead()
    {
        using MemoryStream stream = new([.. Encoding.UTF8.Preamble, .. """{ "vhosts": [{ "name": "a" }] }"""u8]);

        Assert.Equal("a", Assert.Single((await DefinitionsReader.ReadAsync(stream)).VirtualHosts).Name);
    }

    [Fact]
    public async Task AbsentFlags_AreAsInRabbitMq()
    {
        const string Json = """
            { "queues": [{ "vhost": "/", "name": "q" }], "exchanges": [{ "vhost": "/", "name": "x", "type": "fanout", "arguments": [] }],
              "policies": [{ "vhost": "/", "name": "p", "pattern": "", "definition": { "expires": 1 } }] }
            """;

        VirtualHostDefinition host = Assert.Single((await ReadAsync(Json)).VirtualHosts);

        Assert.Equal("/", host.Name);
        Assert.Equal(new QueueDeclaration("q").Durable(), Assert.Single(host.Queues));
        Assert.Equal(new ExchangeDeclaration("x", "fanout").Durable(), Assert.Single(host.Exchanges));
        Assert.Equal(new Policy("p", "", HeaderTable.Of("expires", 1L)), Assert.Single(host.Policies));
    }

    [Fact]
    public async Task EntryOfTheBrokersOwn_IsSkippedWithItsBindings()
    {
        const string Json = """
            {
              "queues": [{ "vhost": "/", "name": "amq.gen-abc", "durable": false }, { "vhost": "/", "name": "q" }],
              "exchanges": [{ "vhost": "/", "name": "", "type": "direct" }, { "vhost": "/", "name": "amq.topic", "type": "topic" }],
              "bindings": [{ "vhost": "/", "source": "amq.topic", "destination": "amq.gen-abc", "destination_type": "queue", "routing_key": "k" },
                           { "vhost": "/", "source": "", "destination": "q", "destination_type": "queue", "routing_key": "q" }]
            }
            """;

        EmbeddedMq.VirtualHosts.Definitions definitions = await ReadAsync(Json);

        VirtualHostDefinition host = Assert.Single(definitions.VirtualHosts);
        Assert.Equal(["q"], host.Queues.Select(queue => queue.Name));
        Assert.Empty(host.Exchanges);
        Assert.Empty(host.Bindings);
        Assert.Equal(
            [
                "exchanges[0] (exchange '' in vhost '/'): skipped, it is the broker's own",
                "exchanges[1] (exchange 'amq.topic' in vhost '/'): skipped, it is the broker's own",
                "queues[0] (queue 'amq.gen-abc' in vhost '/'): skipped, names that begin with 'amq.' are the broker's to give",
                "bindings[0] (binding from exchange 'amq.topic' in vhost '/'): skipped, as queue 'amq.gen-abc' in vhost '/' is",
                "bindings[1] (binding from exchange '' in vhost '/'): skipped, every queue is bound to the default exchange",
            ],
            definitions.Ignored);
    }

    [Fact]
    public async Task EqualEntries_AreOne()
    {
        const string Queue = """{ "vhost": "/", "name": "q", "arguments": { "x-max-length": 1, "x-foo": [1] } }""";
        const string Binding = """{ "vhost": "/", "source": "amq.direct", "destination": "q", "destination_type": "queue", "routing_key": "k", "arguments": { "a": [1] } }""";

        VirtualHostDefinition host = Assert.Single((await ReadAsync($$"""{ "queues": [{{Queue}}, {{Queue}}], "bindings": [{{Binding}}, {{Binding}}] }""")).VirtualHosts);

        Assert.Single(host.Queues);
        Assert.Single(host.Bindings);
    }

    [Fact]
    public async Task KeysThatSayNothing_AreNoFault()
    {
        const string Json = """
            { "shovels": [], "explanation": "see the wiki", "queues": [{ "vhost": "/", "name": "q", "policy": null, "operator_policy": "" }],
              "exchanges": null, "topic_permissions": [] }
            """;

        EmbeddedMq.VirtualHosts.Definitions definitions = await ReadAsync(Json);

        Assert.Empty(definitions.Ignored);
        Assert.Single(definitions.VirtualHosts[0].Queues);
    }

    private static async Task<EmbeddedMq.VirtualHosts.Definitions> ReadAsync(string json)
    {
        using MemoryStream stream = new(Encoding.UTF8.GetBytes(json));
        return await DefinitionsReader.ReadAsync(stream);
    }
}
