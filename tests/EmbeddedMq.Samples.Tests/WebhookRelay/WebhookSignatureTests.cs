using System.Text;
using WebhookRelay;

namespace EmbeddedMq.Samples.Tests.WebhookRelay;

public sealed class WebhookSignatureTests
{
    // The example that GitHub's documentation gives for testing an implementation.
    private const string Secret = "It's a Secret to Everybody";
    private const string Signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    private static readonly byte[] Body = Encoding.UTF8.GetBytes("Hello, World!");

    [Fact]
    public void IsValid_GitHubsExample_Holds() => Assert.True(WebhookSignature.IsValid(Secret, Body, Signature));

    [Fact]
    public void IsValid_OtherBodyOrSecret_DoesNotHold()
    {
        Assert.False(WebhookSignature.IsValid(Secret, Encoding.UTF8.GetBytes("Hello, World?"), Signature));
        Assert.False(WebhookSignature.IsValid("It's a secret to everybody", Body, Signature));
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256=")]
    [InlineData("sha256=757107ea")]
    [InlineData("sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")]
    [InlineData("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")]
    [InlineData("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1")]
    [InlineData("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e177")]
    [InlineData("sha256=zz7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")]
    public void IsValid_MalformedSignature_DoesNotHold(string signature) => Assert.False(WebhookSignature.IsValid(Secret, Body, signature));
}
