using System.Text;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Outbox;

/// <summary>Stores what a publisher would publish.</summary>
/// <param name="publisher">Makes messages of objects.</param>
/// <param name="source">Gives the store.</param>
/// <param name="broker">The broker's name.</param>
/// <remarks>Thread-safe.</remarks>
internal sealed class MessageOutbox(Publisher publisher, OutboxStoreSource source, string broker) : IOutbox
{
    private const int MaxBytes = 255;

    /// <inheritdoc/>
    public IOutboxStore Store => source.Current;

    /// <inheritdoc/>
    public async ValueTask<string> AddAsync<T>(
        T message, PublishOptions? options = null, string? orderKey = null, CancellationToken cancellationToken = default)
    {
        OutboxMessage prepared = Prepare(message, options, orderKey);
        IOutboxStore store = await source.GetAsync(cancellationToken).ConfigureAwait(false);
        await store.AddAsync([prepared], cancellationToken).ConfigureAwait(false);
        OutboxTelemetry.Stored.Add(broker);
        return prepared.Id;
    }

    /// <inheritdoc/>
    public OutboxMessage Prepare<T>(T message, PublishOptions? options = null, string? orderKey = null)
        => ToStored(publisher.PrepareToKeep(message, options), orderKey);

    /// <summary>Makes of a message that is ready to be published one that is stored first, with the trace context of this moment.</summary>
    /// <param name="outgoing">The message, with a message id.</param>
    /// <param name="orderKey">Its order key.</param>
    /// <exception cref="ArgumentException">Id or order key are too long.</exception>
    internal static OutboxMessage ToStored(in Outgoing outgoing, string? orderKey)
    {
        Message message = outgoing.Message;
        string id = message.Properties.MessageId ?? "";
        if (Encoding.UTF8.GetByteCount(id) is var bytes and (0 or > MaxBytes))
        {
            throw MqErrors.OutboxIdLength(id, bytes);
        }

        if (orderKey is not null && Encoding.UTF8.GetByteCount(orderKey) is var keyBytes and > MaxBytes)
        {
            throw MqErrors.OutboxKeyLength(id, keyBytes, nameof(orderKey));
        }

        HeaderTable? headers = MessagingTelemetry.WithContext(null, message.Properties.Headers);
        return new OutboxMessage
        {
            Id = id,
            Exchange = outgoing.Exchange,
            RoutingKey = outgoing.RoutingKey,
            Message = ReferenceEquals(headers, message.Properties.Headers) ? message : message.WithProperties(message.Properties with { Headers = headers }),
            Mandatory = outgoing.Flags.HasFlag(PublishFlags.Mandatory),
            OrderKey = orderKey,
        };
    }
}
