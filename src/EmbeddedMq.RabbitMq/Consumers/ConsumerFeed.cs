using EmbeddedMq.RabbitMq.Channels;
using EmbeddedMq.RabbitMq.Wire;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace EmbeddedMq.RabbitMq.Consumers;

/// <summary>What the client calls for one consumer on one wire: it notes the delivery and posts it to the consumer's mailbox.</summary>
/// <param name="consumer">The consumer.</param>
/// <param name="link">The wire.</param>
/// <remarks>The client calls it one method at a time, in the order of the wire.</remarks>
internal sealed class ConsumerFeed(RabbitConsumer consumer, ChannelLink link) : IAsyncBasicConsumer
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc/>
    global::RabbitMQ.Client.IChannel? IAsyncBasicConsumer.Channel => link.Wire;

    /// <summary>The wire.</summary>
    internal ChannelLink Link => link;

    /// <summary>Completes when nothing more can come on this wire. Never faults.</summary>
    internal Task Ended => _ended.Task;

    /// <inheritdoc/>
    public Task HandleBasicDeliverAsync(
        string consumerTag,
        ulong deliveryTag,
        bool redelivered,
        string exchange,
        string routingKey,
        IReadOnlyBasicProperties properties,
        ReadOnlyMemory<byte> body,
        CancellationToken cancellationToken = default)
    {
        RabbitChannel.Register(link, deliveryTag, consumer);
        Message message = WireMessage.FromWire(properties, body);
        Delivery delivery = new(
            message, exchange, routingKey, link.TagOffset + deliveryTag, consumerTag, redelivered, WireMessage.DeliveryCountOf(message, redelivered));
        consumer.Post(link, deliveryTag, delivery);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task HandleBasicConsumeOkAsync(string consumerTag, CancellationToken cancellationToken = default) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task HandleBasicCancelOkAsync(string consumerTag, CancellationToken cancellationToken = default)
    {
        _ended.TrySetResult();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task HandleBasicCancelAsync(string consumerTag, CancellationToken cancellationToken = default)
    {
        _ended.TrySetResult();
        consumer.QueueGone();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task HandleChannelShutdownAsync(object channel, ShutdownEventArgs reason)
    {
        _ended.TrySetResult();
        return Task.CompletedTask;
    }
}
