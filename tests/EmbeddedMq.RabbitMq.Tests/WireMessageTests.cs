using EmbeddedMq.RabbitMq.Wire;
using RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Tests;

public sealed class WireMessageTests
{
    // Milliseconds where seconds belong, and nonsense: what cannot be read would be neither delivered nor given back.
    [Theory]
    [InlineData(1_700_000_000_000, "9999-12-31T23:59:59Z")]
    [InlineData(long.MaxValue, "9999-12-31T23:59:59Z")]
    [InlineData(long.MinValue, "0001-01-01T00:00:00Z")]
    [InlineData(1_700_000_000, "2023-11-14T22:13:20Z")]
    public void FromWire_TimesOfOtherClients_AreReadAsWhatATimeCanBe(long seconds, string expected)
    {
        BasicProperties wire = new()
        {
            Timestamp = new AmqpTimestamp(seconds),
            Headers = new Dictionary<string, object?> { ["at"] = new AmqpTimestamp(seconds) },
        };

        Message message = WireMessage.FromWire(wire, "body"u8.ToArray());

        DateTimeOffset time = DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(time, message.Properties.Timestamp);
        Assert.Equal(time, message.Headers["at"]);
    }

    // Bytes that are no UTF-8 become a replacement character each, which takes three bytes: 100 of them are more than a name may have.
    [Fact]
    public void FromWire_NameThatIsLongerWhenDecoded_IsShortened()
    {
        string name = new('\uFFFD', 100);
        BasicProperties wire = new()
        {
            Headers = new Dictionary<string, object?> { [name] = 1, ["nested"] = new Dictionary<string, object?> { ["n" + name] = 2 } },
        };

        Message message = WireMessage.FromWire(wire, "body"u8.ToArray());

        Assert.Equal(1, message.Headers[name[..85]]);
        Assert.Equal(2, ((HeaderTable)message.Headers["nested"]!)["n" + name[..84]]);
    }
}
