using EmbeddedMq.Messages;

namespace EmbeddedMq.Tests.Messages;

public sealed class ExpirationTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("+7", 7)]
    [InlineData("0060000", 60_000)]
    [InlineData("315360000000", 315_360_000_000)]
    public void Digits_InRange_AreRead(string expiration, long expected)
    {
        Assert.True(Expiration.TryParse(expiration, out long milliseconds, out string reason));
        Assert.Equal((expected, ""), (milliseconds, reason));
    }

    [Theory]
    [InlineData("", "no_integer")]
    [InlineData("abc", "no_integer")]
    [InlineData("-", "no_integer")]
    [InlineData(" 5", "no_integer")]
    [InlineData("1.5", "{leftover_string,\".5\"}")]
    [InlineData("5 ", "{leftover_string,\" \"}")]
    [InlineData("-1", "{value_negative,-1}")]
    [InlineData("315360000001", "{value_too_large,315360000001}")]
    [InlineData("99999999999999999999", "{value_too_large,99999999999999999999}")]
    public void Text_IsNoMilliseconds_IsRefusedWithTheReason(string expiration, string reason)
    {
        Assert.False(Expiration.TryParse(expiration, out _, out string actual));
        Assert.Equal(reason, actual);
    }
}
