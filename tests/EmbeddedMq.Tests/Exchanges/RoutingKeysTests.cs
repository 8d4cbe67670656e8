using EmbeddedMq.Exchanges;

namespace EmbeddedMq.Tests.Exchanges;

public sealed class RoutingKeysTests
{
    [Fact]
    public void Read_NeitherHeader_IsTheKeyAlone()
    {
        Assert.Equal(["key"], Read(HeaderTable.Empty));
        Assert.Equal(["key"], Read(HeaderTable.Of("cc", new[] { "a" })));
        Assert.False(RoutingKeys.Read("key", MessageProperties.Empty).HasAdditional);
    }

    [Fact]
    public void Read_BothHeaders_IsTheKeyThenCcThenBcc()
        => Assert.Equal(["key", "c1", "c2", "b1"], Read(HeaderTable.Of("BCC", new[] { "b1" }).With("CC", new[] { "c1", "c2" })));

    [Fact]
    public void Read_ItemsThatAreNoStrings_AreIgnored()
    {
        Assert.Equal(["key", "a", ""], Read(HeaderTable.Of("CC", new object?[] { 1, "a", null, new byte[] { 65 }, "", new[] { "nested" } })));
        RoutingKeys keys = RoutingKeys.Read("key", new MessageProperties { Headers = HeaderTable.Of("CC", new object?[] { 1 }) });
        Assert.False(keys.HasAdditional);
        Assert.Null(keys.AdditionalOrNull);
    }

    [Theory]
    [InlineData("CC", "text", "longstr")]
    [InlineData("BCC", 1, "signedint")]
    [InlineData("BCC", null, "void")]
    [InlineData("CC", true, "bool")]
    public void Read_HeaderIsNoList_IsRefused(string header, object? value, string type)
    {
        ChannelException error = Assert.Throws<ChannelException>(() => Read(HeaderTable.Of(header, value)));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.Equal($"PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,\"{header}\",{type}}}", error.ReplyText);
    }

    [Fact]
    public void Read_HeaderIsTableOrBytes_IsRefused()
    {
        Assert.Contains("\"CC\",table}", Assert.Throws<ChannelException>(() => Read(HeaderTable.Of("CC", HeaderTable.Of("a", "b")))).ReplyText, StringComparison.Ordinal);
        Assert.Contains("\"CC\",binary}", Assert.Throws<ChannelException>(() => Read(HeaderTable.Of("CC", new byte[] { 1 }))).ReplyText, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutBcc_Message_KeepsAllElse()
    {
        Message message = Message.Text("hello", MessageProperties.Persistent.WithHeader("BCC", new[] { "b" }).WithHeader("CC", new[] { "c" }));

        Message delivered = RoutingKeys.WithoutBcc(message);

        Assert.Equal(["CC"], delivered.Headers.Keys);
        Assert.True(delivered.Properties.IsPersistent);
        Assert.True(message.Body.Equals(delivered.Body));
        Assert.Same(delivered, RoutingKeys.WithoutBcc(delivered));
        Message plain = Message.Text("plain");
        Assert.Same(plain, RoutingKeys.WithoutBcc(plain));
    }

    private static string[] Read(HeaderTable headers)
    {
        RoutingKeys keys = RoutingKeys.Read("key", new MessageProperties { Headers = headers });
        return [keys.Primary, .. keys.Additional];
    }
}
