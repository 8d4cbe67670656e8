using System.Text;
using System.Text.Json;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Tests.VirtualHosts.Definitions;

public sealed class DefinitionsWriterTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 200)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Definitions_OfAnyShape_ComeBackAsTheyWere(int seed)
    {
        EmbeddedMq.VirtualHosts.Definitions written = new RandomDefinitions(seed).Next();

        EmbeddedMq.VirtualHosts.Definitions read = await RoundTripAsync(written);

        Assert.Empty(read.Ignored);
        Assert.Equal(written.VirtualHosts.Select(host => host.Name), read.VirtualHosts.Select(host => host.Name));
        foreach ((VirtualHostDefinition expected, VirtualHostDefinition actual) in written.VirtualHosts.Zip(read.VirtualHosts))
        {
            Assert.Equal(expected.Exchanges, actual.Exchanges);
            Assert.Equal(expected.Policies, actual.Policies);
            Assert.Equal(expected.Queues, actual.Queues);
            Assert.Equal(expected.Bindings, actual.Bindings);
        }

        Assert.Equal(await WriteAsync(written), await WriteAsync(read));
    }

    [Fact]
    public async Task Definitions_AreWritten_InRabbitMqsShape()
    {
        VirtualHostDefinition host = new("/")
        {
            Exchanges = [new ExchangeDeclaration("événements", "topic").Durable()],
            Policies = [new Policy("p", "^o", HeaderTable.Of("max-length", 5)) { ApplyTo = PolicyTarget.QuorumQueues, Priority = -1 }],
            Queues = [new QueueDeclaration("orders").Durable().WithArgument("x-queue-type", "quorum").WithArgument("x-nothing", null)],
            Bindings = [new BindingDescription("événements", "orders", DestinationKind.Queue, "a.#", HeaderTable.Of("weight", 1.0))],
        };

        string json = await WriteAsync(new EmbeddedMq.VirtualHosts.Definitions([host]));

        string version = typeof(DefinitionsWriter).Assembly.GetName().Version!.ToString(3);
        const string Expected = """
            {
              "product_name": "EmbeddedMq",
              "product_version": "VERSION",
              "vhosts": [
                {
                  "name": "/"
                }
              ],
              "policies": [
                {
                  "vhost": "/",
                  "name": "p",
                  "pattern": "^o",
                  "apply-to": "quorum_queues",
                  "definition": {
                    "max-length": 5
                  },
                  "priority": -1
                }
              ],
              "exchanges": [
                {
                  "name": "événements",
                  "vhost": "/",
                  "type": "topic",
                  "durable": true,
                  "auto_delete": false,
                  "internal": false,
                  "arguments": {}
                }
              ],
              "queues": [
                {
                  "name": "orders",
                  "vhost": "/",
                  "type": "quorum",
                  "durable": true,
                  "auto_delete": false,
                  "arguments": {
                    "x-queue-type": "quorum",
                    "x-nothing": null
                  }
                }
              ],
              "bindings": [
                {
                  "source": "événements",
                  "vhost": "/",
                  "destination": "orders",
                  "destination_type": "queue",
                  "routing_key": "a.#",
                  "arguments": {
                    "weight": 1.0
                  }
                }
              ]
            }
            """;
        Assert.Equal(Expected.Replace("VERSION", version, StringComparison.Ordinal), json.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task WhatCannotBeDeclaredAgain_IsLeftOut()
    {
        VirtualHostDefinition host = new("/")
        {
            Exchanges = [.. PredeclaredExchanges.All, new ExchangeDeclaration("", "direct"), new ExchangeDeclaration("inner", "fanout").Internal()],
            Queues = [new QueueDeclaration("mine").Exclusive(), new QueueDeclaration("amq.gen-x").Exclusive(), new QueueDeclaration("ours")],
            Bindings =
            [
                new BindingDescription("", "ours", DestinationKind.Queue, "ours", HeaderTable.Empty),
                new BindingDescription("amq.topic", "mine", DestinationKind.Queue, "#", HeaderTable.Empty),
                new BindingDescription("amq.topic", "ours", DestinationKind.Queue, "#", HeaderTable.Empty),
                new BindingDescription("amq.topic", "inner", DestinationKind.Exchange, "#", HeaderTable.Empty),
            ],
        };

        VirtualHostDefinition read = Assert.Single((await RoundTripAsync(new EmbeddedMq.VirtualHosts.Definitions([host]))).VirtualHosts);

        Assert.Equal([new ExchangeDeclaration("inner", "fanout").Internal()], read.Exchanges);
        Assert.Equal(["ours"], read.Queues.Select(queue => queue.Name));
        Assert.Equal(["ours", "inner"], read.Bindings.Select(binding => binding.Destination));
    }

    [Fact]
    public async Task ValuesWithoutAJsonType_ComeBackAsTheNearest()
    {
        HeaderTable arguments = new(
        [
            new("byte", (byte)200), new("short", (short)-2), new("uint", uint.MaxValue), new("int", int.MinValue),
            new("float", 0.1f), new("decimal", 10m), new("huge", 1e300), new("minus", -0.0),
            new("time", DateTimeOffset.FromUnixTimeSeconds(1_700_000_000)), new("bytes", "text"u8.ToArray()),
        ]);
        HeaderTable expected = new(
        [
            new("byte", 200L), new("short", -2L), new("uint", 4_294_967_295L), new("int", -2_147_483_648L),
            new("float", (double)0.1f), new("decimal", 10.0), new("huge", 1e300), new("minus", -0.0),
            new("time", 1_700_000_000L), new("bytes", "text"),
        ]);
        VirtualHostDefinition host = new("/") { Queues = [new QueueDeclaration("q") { Arguments = arguments }] };

        VirtualHostDefinition read = Assert.Single((await RoundTripAsync(new EmbeddedMq.VirtualHosts.Definitions([host]))).VirtualHosts);

        Assert.Equal(expected, Assert.Single(read.Queues).Arguments);
    }

    [Theory]
    [InlineData(double.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "Infinity")]
    public async Task NumberThatIsNotFinite_IsNotExported(object number, string text)
    {
        VirtualHostDefinition host = new("/") { Queues = [new QueueDeclaration("q").WithArgument("x-list", new[] { number })] };

        EmbeddedMqException error = await Assert.ThrowsAsync<EmbeddedMqException>(async () => await WriteAsync(new EmbeddedMq.VirtualHosts.Definitions([host])));

        Assert.Equal(
            $"PRECONDITION_FAILED - cannot export queue 'q' in vhost '/': arguments.x-list[0]: {text} has no place in JSON",
            error.ReplyText.Replace("∞", "Infinity", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BytesThatAreNoText_AreNotExported()
    {
        VirtualHostDefinition host = new("/") { Queues = [new QueueDeclaration("q").WithArgument("x-raw", new byte[] { 0xFF })] };

        EmbeddedMqException error = await Assert.ThrowsAsync<EmbeddedMqException>(async () => await WriteAsync(new EmbeddedMq.VirtualHosts.Definitions([host])));

        Assert.EndsWith("a byte array that is not UTF-8 has no place in JSON", error.ReplyText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BrokerWithoutAnything_IsAValidFile()
    {
        string json = await WriteAsync(new EmbeddedMq.VirtualHosts.Definitions([]));

        using JsonDocument document = JsonDocument.Parse(json);
        Assert.Equal(0, document.RootElement.GetProperty("vhosts").GetArrayLength());
    }

    private static async Task<EmbeddedMq.VirtualHosts.Definitions> RoundTripAsync(EmbeddedMq.VirtualHosts.Definitions definitions)
    {
        using MemoryStream stream = new();
        await DefinitionsWriter.WriteAsync(stream, definitions);
        stream.Position = 0;
        return await DefinitionsReader.ReadAsync(stream);
    }

    private static async Task<string> WriteAsync(EmbeddedMq.VirtualHosts.Definitions definitions)
    {
        using MemoryStream stream = new();
        await DefinitionsWriter.WriteAsync(stream, definitions);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
