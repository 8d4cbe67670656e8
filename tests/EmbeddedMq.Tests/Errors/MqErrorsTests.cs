using EmbeddedMq.Errors;

namespace EmbeddedMq.Tests.Errors;

public sealed class MqErrorsTests
{
    [Fact]
    public void ReplyCode_EveryOne_HasItsConstant()
        => Assert.All(Enum.GetValues<ReplyCode>(), code => Assert.Matches("^[A-Z_]+$", MqErrors.ConstantOf(code)));

    [Fact]
    public void Error_TellsReplyTextThenAdvice()
    {
        ChannelException error = MqErrors.QueueNotFound("/", "orders");

        Assert.Equal("NOT_FOUND - no queue 'orders' in vhost '/'", error.ReplyText);
        Assert.Equal(error.ReplyText + ". Declare the queue first, or check its name and the connection's virtual host.", error.Message);
    }

    [Fact]
    public void QueueErrors_HaveRabbitMqsCodesAndTexts()
    {
        AssertIs(404, "NOT_FOUND - no previously declared queue", MqErrors.NoPreviouslyDeclaredQueue());
        AssertIs(403, "ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'", MqErrors.QueueNameReserved("amq.foo"));
        AssertIs(
            405,
            "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another "
                + "connection or the exclusive property value does not match that of the original declaration.",
            MqErrors.QueueLocked("/", "q"));
        AssertIs(403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use", MqErrors.QueueInExclusiveUse("/", "q"));
        AssertIs(406, "PRECONDITION_FAILED - queue 'q' in vhost '/' in use", MqErrors.QueueInUse("/", "q"));
        AssertIs(406, "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty", MqErrors.QueueNotEmpty("/", "q"));
        AssertIs(406, "PRECONDITION_FAILED - invalid expiration 'abc': no_integer", MqErrors.InvalidExpiration("abc", "no_integer"));
    }

    private static void AssertIs(int code, string replyText, EmbeddedMqException error)
    {
        Assert.Equal((ReplyCode)code, error.ReplyCode);
        Assert.Equal(replyText, error.ReplyText);
    }
}
