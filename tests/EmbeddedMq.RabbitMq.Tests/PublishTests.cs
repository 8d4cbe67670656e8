using EmbeddedMq.TestSupport;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Confirms, returns and rejections, each joined to its publish.</summary>
public sealed class PublishTests : ServerTest
{
    [Fact]
    public async Task Message_PublishedAndTaken_IsTheSame()
    {
        string queue = await DeclareQueueAsync();
        MessageProperties properties = new()
        {
            ContentType = "text/plain",
            ContentEncoding = "utf-8",
            CorrelationId = "c",
            ReplyTo = "r",
            Expiration = "60000",
            MessageId = "m",
            Timestamp = new DateTimeOffset(2024, 2, 29, 12, 0, 0, TimeSpan.Zero),
            Type = "t",
            UserId = "guest",
            AppId = "a",
            ClusterId = "cl",
            Priority = 3,
            DeliveryMode = DeliveryMode.Persistent,
            Headers = new HeaderTable(new Dictionary<string, object?>
            {
                ["void"] = null,
                ["bool"] = true,
                ["sbyte"] = (sbyte)-1,
                ["byte"] = (byte)1,
                ["short"] = (short)-2,
                ["ushort"] = (ushort)2,
                ["int"] = -3,
                ["uint"] = 3u,
                ["long"] = -4L,
                ["float"] = 1.5f,
                ["double"] = 2.5,
                ["decimal"] = 3.25m,
                ["text"] = "grün",
                ["bytes"] = new byte[] { 0xFF, 0x00 },
                ["time"] = new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero),
                ["table"] = HeaderTable.Of("inner", HeaderTable.Of("deep", "value")),
                ["list"] = new object?[] { 1, "two", null, HeaderTable.Of("three", 3L) },
            }),
        };
        await Channel.PublishAsync("", queue, Message.Text("body", properties));
        Delivery delivery = (await Channel.GetAsync(queue, autoAck: true))!.Delivery;
        Assert.Equal("body", delivery.Message.GetText());
        Assert.Equal(properties, delivery.Properties);
    }

    [Fact]
    public async Task Publishes_Confirmed_AreNumberedInOrder()
    {
        string queue = await DeclareQueueAsync();
        Task<ulong>[] publishes = [.. Enumerable.Range(0, 500).Select(i => Channel.PublishAsync("", queue, Message.Text($"{i}")).AsTask())];
        Assert.Equal(Enumerable.Range(1, 500).Select(static i => (ulong)i), await Task.WhenAll(publishes));
        Assert.Equal(500u, (await Channel.DeclareQueuePassiveAsync(queue)).MessageCount);
    }

    [Fact]
    public async Task Publishes_SomeUnroutable_ExactlyTheseAreReturnedBeforeTheirConfirm()
    {
        string queue = await DeclareQueueAsync();
        List<string> returned = [];
        Channel.MessageReturned += (_, e) => returned.Add(e.Message.GetText());
        List<(string Text, Task<PublishResult> Result)> publishes = [];
        for (int i = 0; i < 300; i++)
        {
            string key = i % 3 == 0 ? "nowhere" : queue;
            PublishFlags flags = i % 2 == 0 ? PublishFlags.Mandatory : PublishFlags.None;
            publishes.Add(($"{key} {i} {flags}", Channel.TryPublishAsync("", key, Message.Text($"{key} {i} {flags}"), flags).AsTask()));
        }

        foreach ((string text, Task<PublishResult> result) in publishes)
        {
            bool isReturned = text.StartsWith("nowhere", StringComparison.Ordinal) && text.EndsWith(nameof(PublishFlags.Mandatory), StringComparison.Ordinal);
            Assert.Equal(isReturned ? PublishOutcome.Returned : PublishOutcome.Confirmed, (await result).Outcome);
        }

        Assert.Equal(publishes.Select(static p => p.Text).Where(static t => t.StartsWith("nowhere", StringComparison.Ordinal) && t.EndsWith("Mandatory", StringComparison.Ordinal)), returned);
    }

    [Fact]
    public async Task Publishes_EqualButForTheirHeaders_TheRightOneIsReturned()
    {
        string exchange = UniqueName("headers");
        string queue = await DeclareQueueAsync();
        await Channel.DeclareExchangeAsync(exchange, ExchangeType.Headers, e => e.AutoDelete());
        await Channel.BindQueueAsync(queue, exchange, "", HeaderTable.Of("colour", "red"));
        Task<PublishResult>[] publishes = [.. new[] { "red", "blue", "red", "blue" }
            .Select(colour => Channel.TryPublishAsync(exchange, "", Message.Text("same", MessageProperties.Empty.WithHeader("colour", colour)), PublishFlags.Mandatory).AsTask())];
        Assert.Equal(
            [PublishOutcome.Confirmed, PublishOutcome.Returned, PublishOutcome.Confirmed, PublishOutcome.Returned],
            (await Task.WhenAll(publishes)).Select(static r => r.Outcome));
    }

    // What cannot be encoded was not sent, so that the server does not count it.
    [Fact]
    public async Task Publish_HeaderCannotBeEncoded_FailsAndTheNextHasItsOwnConfirm()
    {
        string queue = await DeclareQueueAsync();
        Message tooLarge = Message.Text("x", new MessageProperties { Headers = HeaderTable.Of("price", 12_345_678_901.5m) });
        await Assert.ThrowsAsync<ArgumentException>(async () => await Channel.PublishAsync("", queue, tooLarge));
        Task<ulong> next = Channel.PublishAsync("", queue, Message.Text("next")).AsTask();
        Assert.Equal(1ul, await next.WithinPatienceAsync("the confirm"));
    }

    [Fact]
    public async Task Publish_FullQueueRejects_IsRejected()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(1, Overflow.RejectPublish));
        await Channel.PublishAsync("", queue, Message.Text("fits"));
        PublishResult result = await Channel.TryPublishAsync("", queue, Message.Text("does not"));
        Assert.Equal(new PublishResult(PublishOutcome.Rejected, 2, RejectReason.Unspecified), result);
        PublishException error = await Assert.ThrowsAsync<PublishException>(async () => await Channel.PublishAsync("", queue, Message.Text("does not")));
        Assert.True(error.IsTransient);
    }

    [Fact]
    public async Task Publish_MissingExchange_FailsWithTheServersWords()
    {
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await Channel.PublishAsync("missing", "", Message.Text("x")));
        Assert.Equal((ReplyCode.NotFound, "NOT_FOUND - no exchange 'missing' in vhost '/'"), (error.ReplyCode, error.ReplyText));
        Assert.False(Channel.IsOpen);
        Assert.Equal(new CloseReason(CloseInitiator.Broker, ReplyCode.NotFound, error.ReplyText), await Channel.Closed.WithinPatienceAsync("the end of the channel"));
        Assert.True(Connection.IsOpen);
    }

    [Fact]
    public async Task Publishes_MoreOutstandingThanAllowed_AreRejectedAndTheOthersArrive()
    {
        IChannel channel = await Connection.OpenChannelAsync(new ChannelOptions { MaxOutstandingPublishes = 1 });
        string queue = await DeclareQueueAsync();
        Task<PublishResult>[] publishes = [.. Enumerable.Range(0, 50).Select(_ => channel.TryPublishAsync("", queue, Message.Text("x")).AsTask())];
        PublishResult[] results = await Task.WhenAll(publishes);

        // How many are, is a matter of how fast the server confirms; BlockedTests has a server that does not.
        Assert.All(results, static r => Assert.True(r.IsConfirmed || r.RejectReason == RejectReason.TooManyOutstanding, $"{r}"));
        Assert.True(results[0].IsConfirmed);
        Assert.Equal((uint)results.Count(static r => r.IsConfirmed), (await Channel.DeclareQueuePassiveAsync(queue)).MessageCount);
    }

    [Fact]
    public async Task Queue_BlockPublisherOverflow_SaysWhatToUseInstead()
    {
        NotSupportedException error = await Assert.ThrowsAsync<NotSupportedException>(() => DeclareQueueAsync(q => q.MaxLength(1, Overflow.BlockPublisher)));
        Assert.Contains("RejectPublish", error.Message, StringComparison.Ordinal);
    }
}
