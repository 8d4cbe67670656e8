using System.Runtime.CompilerServices;

namespace EmbeddedMq;

/// <summary>Shorter forms of what a channel does.</summary>
public static class ChannelExtensions
{
    /// <summary>Declares an exchange.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="name">Its name.</param>
    /// <param name="type">One of <see cref="ExchangeType"/>.</param>
    /// <param name="configure">Changes the declaration, for example <c>e => e.Durable()</c>.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <inheritdoc cref="IChannel.DeclareExchangeAsync" path="/exception"/>
    public static ValueTask DeclareExchangeAsync(
        this IChannel channel, string name, string type, Func<ExchangeDeclaration, ExchangeDeclaration>? configure = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(channel);
        ExchangeDeclaration declaration = new(name, type);
        return channel.DeclareExchangeAsync(configure is null ? declaration : configure(declaration), cancellationToken);
    }

    /// <summary>Declares a queue.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="name">Its name; empty means that the broker makes one.</param>
    /// <param name="configure">Changes the declaration, for example <c>q => q.Durable()</c>.</param>
    /// <param name="cancellationToken">Stops the waiting; the effect stays.</param>
    /// <inheritdoc cref="IChannel.DeclareQueueAsync" path="/exception"/>
    public static ValueTask<QueueDeclared> DeclareQueueAsync(
        this IChannel channel, string name = "", Func<QueueDeclaration, QueueDeclaration>? configure = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(channel);
        QueueDeclaration declaration = new(name);
        return channel.DeclareQueueAsync(configure is null ? declaration : configure(declaration), cancellationToken);
    }

    /// <summary>Consumes a queue: starts a consumer with the first step of the enumeration, and cancels it, putting back what was not read, with the last.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="options">Tag, acknowledgement mode, prefetch, priority; <see langword="null"/> means the defaults.</param>
    /// <param name="cancellationToken">Ends the enumeration with <see cref="OperationCanceledException"/>.</param>
    /// <inheritdoc cref="IChannel.StartConsumerAsync" path="/exception"/>
    public static async IAsyncEnumerable<Delivery> ConsumeAsync(
        this IChannel channel, string queue, ConsumerOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(channel);
        IConsumer consumer = await channel.StartConsumerAsync(queue, options, cancellationToken).ConfigureAwait(false);
        await using (consumer.ConfigureAwait(false))
        {
            await foreach (Delivery delivery in consumer.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return delivery;
            }
        }
    }

    /// <summary>Publishes several messages under one exchange and key, in order, and waits once for all of them.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="messages">The messages.</param>
    /// <param name="flags">Whether a message that no queue takes comes back.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>One result a message, in order.</returns>
    /// <inheritdoc cref="IChannel.TryPublishAsync" path="/exception"/>
    public static async ValueTask<PublishResult[]> TryPublishBatchAsync(
        this IChannel channel, string exchange, string routingKey, IReadOnlyList<Message> messages, PublishFlags flags = PublishFlags.None, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(channel);
        ArgumentNullException.ThrowIfNull(messages);
#pragma warning disable CA2012 // Each is awaited once, below: publishing all before awaiting the first is the point.
        ValueTask<PublishResult>[] publishes = new ValueTask<PublishResult>[messages.Count];
        for (int i = 0; i < publishes.Length; i++)
        {
            publishes[i] = channel.TryPublishAsync(exchange, routingKey, messages[i], flags, cancellationToken);
        }

#pragma warning restore CA2012

        // Every task is awaited, also after one failed: none is left unobserved.
        PublishResult[] results = new PublishResult[publishes.Length];
        Exception? failure = null;
        for (int i = 0; i < publishes.Length; i++)
        {
            try
            {
                results[i] = await publishes[i].ConfigureAwait(false);
            }
            catch (Exception error)
            {
                failure ??= error;
            }
        }

        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        return results;
    }
}
