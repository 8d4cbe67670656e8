using System.Globalization;
using System.Runtime.InteropServices;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Keeps what an idempotent handler publishes until its message is completed.</summary>
/// <param name="publisher">Prepares the messages, and sends them where the claim does not take them.</param>
/// <param name="key">The message whose handler it is.</param>
/// <remarks>
/// <para>A message that is given no id has one made of the consumed message's scope and id and its own position, so that it has the same id when the
/// handler runs again.</para>
/// <para>Thread-safe while the handler runs.</para>
/// </remarks>
internal sealed class HeldMessages(Publisher publisher, IdempotenceKey key) : IPublisher
{
    private readonly string _idPrefix = Fingerprints.OfIdentity(key).ToString();

    // Guarded by _gate.
    private readonly Lock _gate = new();
    private readonly List<Held> _messages = [];
    private int _lastPosition;
    private bool _isClosed;

    /// <inheritdoc/>
    public ValueTask PublishAsync<T>(T message, PublishOptions? options = null, CancellationToken cancellationToken = default)
    {
        Hold(message, options);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<PublishResult> TryPublishAsync<T>(T message, PublishOptions? options = null, CancellationToken cancellationToken = default)
    {
        Hold(message, options);
        return new ValueTask<PublishResult>(new PublishResult(PublishOutcome.Confirmed, 0));
    }

    /// <inheritdoc/>
    public ValueTask<TResponse> RequestAsync<TRequest, TResponse>(
        TRequest request, TimeSpan? timeout = null, PublishOptions? options = null, CancellationToken cancellationToken = default)
        => publisher.RequestAsync<TRequest, TResponse>(request, timeout, options, cancellationToken);

    /// <summary>Takes no more messages, and gives those that it holds in the order in which they were published.</summary>
    public IReadOnlyList<OutboxMessage> Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            if (_messages.Count == 0)
            {
                return [];
            }

            // Handlers may publish from several threads, and a message is prepared after it has got its position.
            _messages.Sort(static (left, right) => left.Position.CompareTo(right.Position));
            return [.. _messages.Select(static held => held.Message)];
        }
    }

    /// <summary>Publishes messages in order, and waits until the broker has taken responsibility for all of them.</summary>
    /// <param name="messages">What <see cref="Close"/> gave.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="PublishException">One was rejected, or returned as unroutable.</exception>
    public async ValueTask SendAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken)
    {
        Task[] sending = new Task[messages.Count];
        for (int i = 0; i < sending.Length; i++)
        {
            OutboxMessage message = messages[i];
            PublishFlags flags = message.Mandatory ? PublishFlags.Mandatory : PublishFlags.None;
            sending[i] = publisher.SendAsync(new Outgoing(message.Exchange, message.RoutingKey, message.Message, flags), cancellationToken).AsTask();
        }

        await Task.WhenAll(sending).ConfigureAwait(false);
    }

    private void Hold<T>(T message, PublishOptions? options)
    {
        int position;
        lock (_gate)
        {
            position = ++_lastPosition;
        }

        // Prepared outside the gate: serializers are the application's.
        string id = string.Create(CultureInfo.InvariantCulture, $"{_idPrefix}-{position}");
        Outgoing outgoing = publisher.PrepareToKeep(message, options, id);
        HeaderTable? headers = MessagingTelemetry.HasContextToPropagate ? MessagingTelemetry.WithContext(null, outgoing.Message.Properties.Headers) : outgoing.Message.Properties.Headers;
        OutboxMessage held = new()
        {
            Id = id,
            Exchange = outgoing.Exchange,
            RoutingKey = outgoing.RoutingKey,
            Mandatory = outgoing.Flags.HasFlag(PublishFlags.Mandatory),
            Message = ReferenceEquals(headers, outgoing.Message.Properties.Headers)
                ? outgoing.Message
                : outgoing.Message.WithProperties(outgoing.Message.Properties with { Headers = headers }),
        };
        lock (_gate)
        {
            if (_isClosed)
            {
                throw MqErrors.PublishedTooLate(key.Scope, key.MessageId);
            }

            _messages.Add(new Held(position, held));
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Held(int Position, OutboxMessage Message);
}
