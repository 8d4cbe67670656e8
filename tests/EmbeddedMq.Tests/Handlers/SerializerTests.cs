using System.Buffers;
using System.Text;

namespace EmbeddedMq.Tests.Handlers;

public sealed class SerializerTests
{
    [Fact]
    public async Task Serializer_Replaced_WritesReadsAndNamesTheContentType()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(static _ => new IdOnlySerializer())
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("q").Queue("copy").Bind("q", "x").Bind("copy", "x"))
            .Publish<Order>(static p => p.To("x"))
            .Consume<Order>("q", received.HandleAsync));

        await fixture.Publisher.PublishAsync(new Order("42"), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("42", (await received.NextAsync()).Order.Id);
        Delivery copy = await fixture.Broker.NextDeliveryAsync("copy");
        Assert.Equal(("42", "text/x-id"), (copy.Message.GetText(), copy.Properties.ContentType));
    }

    private sealed class IdOnlySerializer : IMessageSerializer
    {
        public string ContentType => "text/x-id";

        public void Serialize<T>(T value, IBufferWriter<byte> body) => body.Write(Encoding.UTF8.GetBytes(((Order)(object)value!).Id));

        public T? Deserialize<T>(Message message) => (T)(object)new Order(message.GetText());
    }
}
