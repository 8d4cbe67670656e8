using EmbeddedMq.RabbitMq.Channels;

namespace EmbeddedMq.RabbitMq.Tests;

public sealed class DeliveryBookTests
{
    // The tags of the next wire begin behind the highest of this one: one that is noted later would stand for two messages.
    [Fact]
    public void Add_BookIsClosed_IsRefused()
    {
        DeliveryBook book = new();
        Assert.True(book.Add(1, settledByReading: false));
        Assert.Equal(1ul, book.Close());
        Assert.False(book.Add(2, settledByReading: false));
        Assert.False(book.TryTake(2));
        Assert.Equal(1ul, book.Close());
    }
}
