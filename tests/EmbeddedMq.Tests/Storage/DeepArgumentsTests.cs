using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

public sealed class DeepArgumentsTests
{
    private const int MaxDepth = 64;

    [Fact]
    public async Task Arguments_AsDeepAsAllowed_AreThereAfterARestart()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        HeaderTable deepest = Nested(MaxDepth);
        await channel.DeclareExchangeAsync("e", ExchangeType.Headers, e => e.Durable().WithArgument("x-deep", deepest["x-deep"]));
        await channel.DeclareQueueAsync("q", q => q.Durable().WithArgument("x-deep", deepest["x-deep"]));
        await channel.BindQueueAsync("q", "e", "", deepest);
        await channel.BindExchangeAsync("amq.fanout", "e", "", deepest);
        await stored.Broker.Management.SetPolicyAsync("/", Policy(MaxDepth));

        await stored.RestartAsync();

        IBrokerManagement management = stored.Broker.Management;
        Assert.Equal(deepest, Assert.Single(await management.ListQueuesAsync("/")).Declaration.Arguments);
        Assert.Equal(deepest, Assert.Single(await management.ListExchangesAsync("/"), static e => e.Name == "e").Declaration.Arguments);
        Assert.Equal([deepest, deepest], (await management.ListBindingsAsync("/")).Where(static b => b.Source == "e").Select(static b => b.Arguments));
        Assert.Equal(Policy(MaxDepth), Assert.Single(await management.ListPoliciesAsync("/")));
    }

    [Theory]
    [InlineData("exchange 'e'", false)]
    [InlineData("queue 'q'", false)]
    [InlineData("binding", false)]
    [InlineData("binding", true)]
    public async Task Arguments_OneLevelDeeper_Are406AndNothingIsStored(string subject, bool toExchange)
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("before", static q => q.Durable());
        HeaderTable tooDeep = Nested(MaxDepth + 1);

        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await (subject switch
        {
            "exchange 'e'" => channel.DeclareExchangeAsync("e", ExchangeType.Headers, e => e.Durable().WithArgument("x-deep", tooDeep["x-deep"])),
            "queue 'q'" => Ignore(channel.DeclareQueueAsync("q", q => q.Durable().WithArgument("x-deep", tooDeep["x-deep"]))),
            _ => toExchange ? channel.BindExchangeAsync("amq.fanout", "amq.headers", "", tooDeep) : channel.BindQueueAsync("before", "amq.headers", "", tooDeep),
        }));

        Assert.Equal(
            (ReplyCode.PreconditionFailed, $"PRECONDITION_FAILED - arguments of {subject} are nested deeper than 64 levels"),
            (error.ReplyCode, error.ReplyText));
        Assert.Contains("Flatten them", error.Message, StringComparison.Ordinal);
        Assert.False(channel.IsOpen);
        await stored.RestartAsync(); // which writes a checkpoint, twice
        IBrokerManagement management = stored.Broker.Management;
        Assert.Equal("before", Assert.Single(await management.ListQueuesAsync("/")).Name);
        Assert.DoesNotContain(await management.ListBindingsAsync("/"), static b => b.Source == "amq.headers");
        Assert.DoesNotContain(await management.ListExchangesAsync("/"), static e => e.Name == "e");
    }

    // A record holds 4 MB: what does not fit into one would keep every checkpoint from being written.
    [Theory]
    [InlineData("exchange 'e'")]
    [InlineData("queue 'q'")]
    [InlineData("binding")]
    [InlineData("policy")]
    [InlineData("policy's pattern")]
    [InlineData("policy's name")]
    public async Task Arguments_LongerThanARecord_Are406AndTheStoreGoesOn(string subject)
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("before", static q => q.Durable());
        string longText = new('x', 5 << 20);

        EmbeddedMqException error = await Assert.ThrowsAnyAsync<EmbeddedMqException>(async () => await (subject switch
        {
            "exchange 'e'" => channel.DeclareExchangeAsync("e", ExchangeType.Headers, e => e.Durable().WithArgument("x-long", longText)),
            "queue 'q'" => Ignore(channel.DeclareQueueAsync("q", q => q.Durable().WithArgument("x-long", longText))),
            "policy's pattern" => stored.Broker.Management.SetPolicyAsync("/", new Policy("long", longText, HeaderTable.Of("max-length", 1))),
            "policy's name" => stored.Broker.Management.SetPolicyAsync("/", new Policy(longText, "^q", HeaderTable.Of("max-length", 1))),
            "policy" => stored.Broker.Management.SetPolicyAsync("/", new Policy("long", "^q", HeaderTable.Of("ha-params", longText))),
            _ => channel.BindQueueAsync("before", "amq.headers", "", HeaderTable.Of("x-long", longText)),
        }));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.EndsWith($" bytes, and may take {(subject == "policy's name" ? 255 : 1 << 20)}", error.ReplyText, StringComparison.Ordinal);
        Assert.InRange(error.Message.Length, 1, 1_000);
        channel = await stored.OpenChannelAsync();
        Assert.True((await channel.TryPublishAsync("", "before", Message.Text("m", MessageProperties.Persistent))).IsConfirmed);
        await stored.RestartAsync(); // which writes a checkpoint, twice
        channel = await stored.OpenChannelAsync();
        Assert.Equal("m", (await channel.GetAsync("before"))?.Delivery.Message.GetText());
    }

    [Theory]
    [InlineData("headers")]
    [InlineData("message id")]
    public async Task Properties_LongerThanARecord_Are406AndTheStoreGoesOn(string where)
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options => options.Limits.MaxHeaderBytes = 768 << 10); // the most that there is
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        string longText = new('x', 5 << 20);
        MessageProperties properties = where == "headers"
            ? MessageProperties.Persistent.WithHeader("x-long", longText)
            : MessageProperties.Persistent with { MessageId = longText };

        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await channel.PublishAsync("", "q", Message.Text("m", properties)));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.EndsWith(" bytes is larger than configured max size 786432", error.ReplyText, StringComparison.Ordinal);
        channel = await stored.OpenChannelAsync();
        string longest = new('x', (768 << 10) - 100);
        await channel.PublishAsync("", "q", Message.Text("m", MessageProperties.Persistent.WithHeader("x-long", longest)));
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(longest, (await channel.GetAsync("q"))?.Delivery.Message.Headers["x-long"]);
    }

    [Theory]
    [InlineData(MaxDepth + 1)]
    [InlineData(20_000)] // deeper than a stack is
    public async Task Policy_NestedTooDeep_Is406AndNothingIsStored(int depth)
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();

        EmbeddedMqException error = await Assert.ThrowsAsync<EmbeddedMqException>(async () => await stored.Broker.Management.SetPolicyAsync("/", Policy(depth)));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.EndsWith("invalid policy 'deep' in vhost '/': the definition is nested deeper than 64 levels", error.ReplyText, StringComparison.Ordinal);
        await stored.RestartAsync();
        Assert.Empty(await stored.Broker.Management.ListPoliciesAsync("/"));
    }

    private static async ValueTask Ignore(ValueTask<QueueDeclared> task) => await task;

    private static Policy Policy(int depth) => new("deep", "^q", HeaderTable.Of("ha-params", Nested(depth)["x-deep"]));

    // Tables and lists in turn, as deep as said below the table itself.
    private static HeaderTable Nested(int depth)
    {
        object? value = "innermost";
        for (int level = 0; level < depth; level++)
        {
            value = level % 2 == 0 ? HeaderTable.Of("k", value) : new object?[] { 1, value };
        }

        return HeaderTable.Of("x-deep", value);
    }
}
