using System.Text;
using System.Text.Json;
using WebhookRelay;

namespace EmbeddedMq.Samples.Tests.WebhookRelay;

public sealed class RoutingKeyTests
{
    [Theory]
    [InlineData("issues", "opened", "octocat/Hello-World", "issues.opened.octocat.Hello-World")]
    [InlineData("push", null, "octocat/Hello-World", "push.-.octocat.Hello-World")]
    [InlineData("push", "", "octocat/Hello-World", "push.-.octocat.Hello-World")]
    [InlineData("organization", "renamed", null, "organization.renamed.-.-")]
    [InlineData("ping", null, null, "ping.-.-.-")]
    [InlineData("push", null, "nodejs/node.js", "push.-.nodejs.node%2Ejs")]
    [InlineData("push", null, "nodejs/node_js", "push.-.nodejs.node_js")]
    [InlineData("push", null, "a/100%.%2E", "push.-.a.100%25%2E%252E")]
    [InlineData("repository_dispatch", "deploy v1.2", "a/b", "repository_dispatch.deploy v1%2E2.a.b")]
    public void Of_AnyParts_MakesFourWords(string name, string? action, string? repository, string expected)
    {
        string key = RoutingKey.Of(Make(name, action, repository));

        Assert.Equal(expected, key);
        Assert.Equal(4, key.Split('.').Length);
    }

    [Theory]
    [InlineData("a/b", null)]
    [InlineData("noslash", "The repository must be owner/name, not 'noslash'.")]
    [InlineData("/b", "The repository must be owner/name, not '/b'.")]
    [InlineData("a/", "The repository must be owner/name, not 'a/'.")]
    [InlineData("a/b/c", "The repository must be owner/name, not 'a/b/c'.")]
    public void IsValid_Repository_MustBeOwnerAndName(string repository, string? expected)
    {
        bool isValid = Webhook.IsValid(Make("push", null, repository), out string? error);

        Assert.Equal(expected is null, isValid);
        Assert.Equal(expected, error);
    }

    [Fact]
    public void IsValid_LongestKey_IsAllowedAndNotOneByteMore()
    {
        string longest = $"a/{new string('ü', 121)}b"; // push.-.a. and 243 bytes of name, together 252
        Webhook<JsonElement> allowed = Make("push", null, longest + "ccc");
        Webhook<JsonElement> tooLong = Make("push", null, longest + "cccc");

        Assert.Equal(255, Encoding.UTF8.GetByteCount(RoutingKey.Of(allowed)));
        Assert.True(Webhook.IsValid(allowed, out _));
        Assert.False(Webhook.IsValid(tooLong, out string? error));
        Assert.Equal("Event, action and repository make a routing key of 256 bytes; 255 is the most.", error);
    }

    private static Webhook<JsonElement> Make(string name, string? action, string? repository)
        => new("id", name, action, repository, JsonSerializer.Deserialize<JsonElement>("{}"));
}
