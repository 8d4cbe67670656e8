using System.Threading.Channels;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>A handler that keeps what it gets, for a test to wait for.</summary>
internal sealed class Received
{
    private readonly Channel<(Order Order, IMessageContext Context)> _messages = Channel.CreateUnbounded<(Order Order, IMessageContext Context)>();

    public int Count => _messages.Reader.Count;

    public ValueTask HandleAsync(Order order, IMessageContext context, CancellationToken cancellationToken)
    {
        _messages.Writer.TryWrite((order, context));
        return ValueTask.CompletedTask;
    }

    public ValueTask<(Order Order, IMessageContext Context)> NextAsync() => new(BrokerFixture.WithinPatienceAsync(_messages.Reader.ReadAsync(), "a message for the handler"));
}
