using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using WebhookRelay;

namespace EmbeddedMq.Samples.Tests.WebhookRelay;

public sealed class WebhookEndpointTests
{
    private const string Secret = "It's a Secret to Everybody";
    private const string Push = """{"ref":"refs/heads/main","commits":[],"repository":{"full_name":"octocat/Hello-World"}}""";

    [Fact]
    public async Task Post_Webhook_IsAcceptedAndHandledInEveryQueueThatTakesIt()
    {
        await using RunningRelay relay = await RunningRelay.StartAsync();

        (int status, string text) = await relay.PostJsonAsync(Push);

        Assert.Equal("Accepted delivery-1 as push.-.octocat.Hello-World.", text);
        Assert.Equal(202, status);
        await relay.WhenHandledAsync(3);
        foreach (string queue in new[] { "archive", "code", "hello-world" })
        {
            Assert.Equal(1, Assert.Contains("push", await relay.HandledAsync(queue)));
        }

        Assert.Empty(await relay.HandledAsync("accounts"));
        Assert.Equal("Healthy", await relay.GetAsync("/healthz"));
    }

    [Theory]
    [InlineData("{", "The body is not JSON: line 1, byte 2.")]
    [InlineData("", "The body is not JSON: line 1, byte 1.")]
    [InlineData("[]", "The payload must be a JSON object, not array.")]
    [InlineData("\"text\"", "The payload must be a JSON object, not string.")]
    [InlineData("""{"repository":{"full_name":"noslash"}}""", "The repository must be owner/name, not 'noslash'.")]
    public async Task Post_BadBody_IsABadRequest(string body, string expected)
    {
        await using RunningRelay relay = await RunningRelay.StartAsync();

        Assert.Equal((400, expected), await relay.PostJsonAsync(body));
        Assert.Empty(await relay.HandledAsync("archive"));
    }

    [Theory]
    [InlineData(null, "delivery-1", "Send the headers X-GitHub-Event and X-GitHub-Delivery, once each.")]
    [InlineData("push", null, "Send the headers X-GitHub-Event and X-GitHub-Delivery, once each.")]
    [InlineData("Push.#", "delivery-1", "The event must be a name of lower-case letters, digits and underscores, not 'Push.#'.")]
    public async Task Post_BadHeader_IsABadRequest(string? name, string? id, string expected)
    {
        await using RunningRelay relay = await RunningRelay.StartAsync();

        Assert.Equal((400, expected), await relay.PostJsonAsync(Push, name, id));
    }

    [Fact]
    public async Task Post_OtherContentType_IsUnsupported()
    {
        await using RunningRelay relay = await RunningRelay.StartAsync();

        using FormUrlEncodedContent form = new([new("payload", Push)]);
        (int status, string text) = await relay.PostAsync(form);

        Assert.Equal(415, status);
        Assert.Equal("Send application/json: choose it as the content type in the webhook's settings.", text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_BodyAtTheLimit_IsAcceptedAndNotOneByteMore(bool isLengthKnown)
    {
        await using RunningRelay relay = await RunningRelay.StartAsync("--Webhooks:MaxBodyBytes", "1000");

        (int accepted, _) = await relay.PostAsync(BodyOf(1000, isLengthKnown));
        (int refused, string text) = await relay.PostAsync(BodyOf(1001, isLengthKnown));

        Assert.Equal(202, accepted);
        Assert.Equal(413, refused);
        Assert.Equal("The body is larger than 1000 bytes.", text);
    }

    [Fact]
    public async Task Post_WithSecret_TakesOnlyWhatIsSigned()
    {
        await using RunningRelay relay = await RunningRelay.StartAsync("--Webhooks:Secret", Secret);
        // openssl dgst -sha256 -hmac "$secret" of the body {}
        const string Signature = "sha256=50b0123e6e44430d2c43ecca0ee520d961ffd326425c07859f70a57161c3ebcd";

        Assert.Equal((202, "Accepted delivery-1 as push.-.-.-."), await relay.PostJsonAsync("{}", signature: Signature));
        Assert.Equal(
            (401, "Sign the body: the header X-Hub-Signature-256 is missing. Set the webhook's secret."), await relay.PostJsonAsync("{}"));
        Assert.Equal(
            (401, "The signature in X-Hub-Signature-256 does not fit the body and the secret."), await relay.PostJsonAsync("{ }", signature: Signature));

        // What is wrong with a body is told only to who can sign.
        Assert.Equal(401, (await relay.PostJsonAsync("not json")).Status);
        await relay.WhenHandledAsync(3);
        Assert.Equal(1, Assert.Contains("push", await relay.HandledAsync("archive")));
    }

    [Fact]
    public async Task Post_BrokerRefuses_IsUnavailableAndNotAccepted()
    {
        await using RunningRelay relay = await RunningRelay.StartAsync();
        await using (IConnection connection = await relay.Services.GetRequiredService<IBroker>().ConnectAsync())
        await using (IChannel channel = await connection.OpenChannelAsync())
        {
            await channel.DeleteExchangeAsync("webhooks");
        }

        (int status, string text) = await relay.PostJsonAsync(Push);

        Assert.Equal(503, status);
        Assert.StartsWith("Not accepted, try again later: NOT_FOUND - no exchange 'webhooks' in vhost '/'", text, StringComparison.Ordinal);
        Assert.Empty(await relay.HandledAsync("archive"));
    }

    [Fact]
    public async Task Post_SyntheticFile_RoutesAsTheReplayDoes()
        => await PostAllAsync(Path.Combine(AppContext.BaseDirectory, "Fixtures", "webhooks.jsonl"));

    [Fact(Skip = RealWebhooks.Missing, SkipUnless = nameof(RealWebhooks.AreThere), SkipType = typeof(RealWebhooks))]
    public async Task Post_RealFile_RoutesAsTheReplayDoes() => await PostAllAsync(RealWebhooks.Path);

    // Over HTTP the relay finds action and repository in the payload itself; the lines of the file name them beside it.
    private static async Task PostAllAsync(string path)
    {
        await using RunningRelay relay = await RunningRelay.StartAsync();
        Dictionary<string, Dictionary<string, long>> expected = RelayQueue.All.ToDictionary(queue => queue.Name, _ => new Dictionary<string, long>());
        foreach (string line in File.ReadLines(path))
        {
            Webhook<JsonElement> webhook = JsonSerializer.Deserialize(line, RelayJson.Default.WebhookJsonElement)!;
            foreach (RelayQueue queue in RelayQueue.All.Where(queue => queue.Takes(webhook)))
            {
                expected[queue.Name][webhook.Event] = expected[queue.Name].GetValueOrDefault(webhook.Event) + 1;
            }

            (int status, string text) = await relay.PostJsonAsync(webhook.Payload.GetRawText(), webhook.Event, webhook.Id);
            Assert.Equal($"Accepted {webhook.Id} as {RoutingKey.Of(webhook)}.", text);
            Assert.Equal(202, status);
        }

        await relay.WhenHandledAsync(expected.Values.Sum(queue => queue.Values.Sum()));
        foreach ((string queue, Dictionary<string, long> counts) in expected)
        {
            Assert.Equal(counts.OrderBy(count => count.Key), (await relay.HandledAsync(queue)).OrderBy(count => count.Key));
        }
    }

    private static HttpContent BodyOf(int bytes, bool isLengthKnown)
    {
        byte[] body = [.. "{}"u8, .. Enumerable.Repeat((byte)' ', bytes - 2)];
        if (isLengthKnown)
        {
            return RunningRelay.Json(body);
        }

        StreamContent content = new(new UnseekableStream(body));
        content.Headers.ContentType = new("application/json");
        return content;
    }

    /// <summary>Does not tell its length, so that the body goes out in chunks.</summary>
    private sealed class UnseekableStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
