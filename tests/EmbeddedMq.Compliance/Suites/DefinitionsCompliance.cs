using System.Text;
using System.Text.Json;

namespace EmbeddedMq.Compliance;

/// <summary>Export and import of RabbitMQ's definitions JSON.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class DefinitionsCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private const string Difference = "Definitions are checked as a whole before anything is declared; RabbitMQ declares up to the first error.";

    protected override EngineCapabilities Needs => EngineCapabilities.Definitions;

    [Fact, AmqpItem("A3.19")]
    public async Task Definitions_ExportedAndImported_BringBackWhatWasDeleted()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Topic, e => e.Durable().AlternateExchange("ae").WithArgument("x-foo", 1));
        string inner = await DeclareExchangeAsync(ExchangeType.Fanout, e => e.Durable().Internal());
        string queue = await DeclareQueueAsync(q => q.Durable().WithMessageTtl(TimeSpan.FromHours(1)).DeadLetterTo("dead").MaxLength(10, Overflow.RejectPublish));
        await Channel.BindQueueAsync(queue, exchange, "a.#", HeaderTable.Of("x", "y"));
        await Channel.BindExchangeAsync(inner, exchange, "b");
        Policy policy = new(Name("policy"), "^nothing$", HeaderTable.Of("max-length", 5)) { Priority = 3, ApplyTo = PolicyTarget.Queues };
        await Broker.Management.SetPolicyAsync(VirtualHost, policy);
        byte[] exported = await ExportAsync();

        await Channel.DeleteQueueAsync(queue);
        await Channel.DeleteExchangeAsync(inner);
        await Channel.DeleteExchangeAsync(exchange);
        await Broker.Management.DeletePolicyAsync(VirtualHost, policy.Name);
        await ImportAsync(exported);

        await Channel.DeclareExchangeAsync(exchange, ExchangeType.Topic, e => e.Durable().AlternateExchange("ae"));
        await Channel.DeclareExchangeAsync(inner, ExchangeType.Fanout, e => e.Durable().Internal());
        await Channel.DeclareQueueAsync(
            queue, q => q.Durable().WithMessageTtl(TimeSpan.FromHours(1)).DeadLetterTo("dead").MaxLength(10, Overflow.RejectPublish));
        await PublishAsync(exchange, "a.b", "routed");
        await Channel.UnbindQueueAsync(queue, exchange, "a.#", HeaderTable.Of("x", "y"));
        await PublishAsync(exchange, "a.b", "unbound");
        await ExpectMessagesAsync(queue, "routed");
        Policy imported = Assert.Single(await Broker.Management.ListPoliciesAsync(VirtualHost), listed => listed.Name == policy.Name);
        Assert.Equal((policy.Pattern, policy.Priority, policy.ApplyTo), (imported.Pattern, imported.Priority, imported.ApplyTo));
    }

    [Fact, AmqpItem("A3.19")]
    public async Task Definitions_ImportedAndExportedAgain_AreTheSame()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Headers, e => e.Durable());
        string queue = await DeclareQueueAsync(q => q.Durable().WithMaxPriority(5).SingleActiveConsumer());
        await Channel.BindQueueAsync(queue, exchange, "", HeaderTable.Of("x-match", "any").With("n", 1L).With("b", true));
        byte[] exported = await ExportAsync();
        await ImportAsync(exported);
        Assert.Equal(3, Entries(exported).Length);
        Assert.Equal(Entries(exported), Entries(await ExportAsync()));

        string[] Entries(byte[] json) => [.. AllEntries(json).Where(entry => entry.Contains(queue, StringComparison.Ordinal) || entry.Contains(exchange, StringComparison.Ordinal))];
    }

    [Fact, AmqpItem("A3.19")]
    public async Task Export_OfEverything_IsJsonInRabbitMqsShape()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().MaxLength(7));
        await Channel.BindQueueAsync(queue, "amq.topic", "k.#");
        using JsonDocument document = JsonDocument.Parse(await ExportAsync());
        JsonElement root = document.RootElement;
        Assert.Contains(root.GetProperty("vhosts").EnumerateArray(), vhost => vhost.GetProperty("name").GetString() == VirtualHost);
        JsonElement found = Assert.Single(root.GetProperty("queues").EnumerateArray(), q => q.GetProperty("name").GetString() == queue);
        Assert.Equal(VirtualHost, found.GetProperty("vhost").GetString());
        Assert.True(found.GetProperty("durable").GetBoolean());
        Assert.False(found.GetProperty("auto_delete").GetBoolean());
        Assert.Equal(7, found.GetProperty("arguments").GetProperty("x-max-length").GetInt64());
        JsonElement binding = Assert.Single(root.GetProperty("bindings").EnumerateArray(), b => b.GetProperty("destination").GetString() == queue);
        Assert.Equal(
            ("amq.topic", "queue", "k.#"),
            (binding.GetProperty("source").GetString(), binding.GetProperty("destination_type").GetString(), binding.GetProperty("routing_key").GetString()));

        // RabbitMQ leaves out what it declares by itself.
        Assert.DoesNotContain(root.GetProperty("exchanges").EnumerateArray(), e => e.GetProperty("name").GetString()!.StartsWith("amq.", StringComparison.Ordinal));
    }

    [Fact, AmqpItem("A3.19")]
    public async Task Import_OfAFileThatRabbitMqWrote_DeclaresWhatIsInIt()
    {
        string queue = Name("orders");
        string exchange = Name("events");
        string policy = Name("ttl");
        await ImportAsync($$"""
            {
              "rabbit_version": "3.10.8", "rabbitmq_version": "3.10.8", "product_name": "RabbitMQ", "product_version": "3.10.8",
              "vhosts": [{ "name": {{Json(VirtualHost)}} }],
              "policies": [{ "vhost": {{Json(VirtualHost)}}, "name": "{{policy}}", "pattern": "^{{queue}}$", "apply-to": "queues",
                "definition": { "message-ttl": 60000 }, "priority": 4 }],
              "queues": [{ "name": "{{queue}}", "vhost": {{Json(VirtualHost)}}, "durable": true, "auto_delete": false,
                "arguments": { "x-queue-type": "classic", "x-max-length": 2 } }],
              "exchanges": [{ "name": "{{exchange}}", "vhost": {{Json(VirtualHost)}}, "type": "topic", "durable": true, "auto_delete": false,
                "internal": false, "arguments": {} }],
              "bindings": [{ "source": "{{exchange}}", "vhost": {{Json(VirtualHost)}}, "destination": "{{queue}}", "destination_type": "queue",
                "routing_key": "order.#", "arguments": {} }]
            }
            """);
        foreach (string text in Numbers(1, 3))
        {
            await PublishAsync(exchange, "order.paid", text);
        }

        await ExpectMessagesAsync(queue, "2", "3");
        Policy imported = Assert.Single(await Broker.Management.ListPoliciesAsync(VirtualHost), listed => listed.Name == policy);
        Assert.Equal((4, PolicyTarget.Queues), (imported.Priority, imported.ApplyTo));
    }

    [Fact, DeliberateDifference(Difference)]
    public async Task Import_WithErrors_ListsThemAllAndDeclaresNothing()
    {
        string good = Name("good");
        string bad = Name("bad");
        DefinitionsException error = await Assert.ThrowsAsync<DefinitionsException>(() => ImportAsync($$"""
            {
              "queues": [
                { "name": "{{good}}", "vhost": {{Json(VirtualHost)}}, "durable": true, "auto_delete": false, "arguments": {} },
                { "name": "{{bad}}", "vhost": {{Json(VirtualHost)}}, "durable": true, "auto_delete": false, "arguments": { "x-max-length": -1 } }
              ],
              "exchanges": [{ "name": "{{bad}}", "vhost": {{Json(VirtualHost)}}, "type": "no-such-type", "durable": true, "auto_delete": false,
                "internal": false, "arguments": {} }],
              "bindings": []
            }
            """));
        Assert.Equal(2, error.Errors.Count);
        Assert.All(error.Errors, text => Assert.Contains(bad, text, StringComparison.Ordinal));
        Assert.False(await QueueExistsAsync(good));
    }

    [Theory, DeliberateDifference(Difference)]
    [InlineData("")]
    [InlineData("not JSON")]
    [InlineData("[]")]
    public async Task Import_OfSomethingElse_IsRefused(string text)
        => Assert.NotEmpty((await Assert.ThrowsAsync<DefinitionsException>(() => ImportAsync(text))).Errors);

    // Every entry of every list, without the order of the lists, which says nothing.
    private static string[] AllEntries(byte[] json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return
        [
            .. document.RootElement.EnumerateObject().Where(list => list.Value.ValueKind == JsonValueKind.Array)
                .SelectMany(list => list.Value.EnumerateArray().Select(entry => $"{list.Name}: {entry.GetRawText()}")).Order(StringComparer.Ordinal),
        ];
    }

    private static string Json(string text) => JsonSerializer.Serialize(text);

    private async Task<byte[]> ExportAsync()
    {
        using MemoryStream stream = new();
        await Broker.Management.ExportDefinitionsAsync(stream);
        return stream.ToArray();
    }

    private Task ImportAsync(string json) => ImportAsync(Encoding.UTF8.GetBytes(json));

    private async Task ImportAsync(byte[] json)
    {
        using MemoryStream stream = new(json);
        await Broker.Management.ImportDefinitionsAsync(stream);
    }
}
