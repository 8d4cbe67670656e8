using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Publishes copies of a consumer's messages to retry, defer and dead-letter queues, and waits for their confirm.</summary>
/// <param name="plan">The consumer's plan.</param>
/// <param name="services">What it works with.</param>
/// <remarks>
/// <para>A copy is confirmed before its original is acknowledged, so a crash between the two leaves a message twice and never not at all.</para>
/// <para>Copies keep body and properties, but for what would act a second time: the expiration, whose clock would begin anew; the CC keys,
/// which would reach other queues again; the user id, which is checked against this connection's; and the dead-letter history, for a
/// broker drops a message that expires towards a queue it has died in.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class Forwarder(ConsumerPlan plan, ConsumerServices services) : IAsyncDisposable
{
    private const int MaxErrorTextLength = 2_000;

    private static readonly string[] HeadersNotCopied =
    [
        "CC", "BCC",
        "x-death",
        "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason",
        "x-last-death-exchange", "x-last-death-queue", "x-last-death-reason",
        "x-delivery-count",
    ];

    private readonly SharedChannel _channel = new(services.PublishConnection);

    /// <summary>Sends a copy to wait for its next attempt.</summary>
    /// <param name="delivery">The original.</param>
    /// <param name="delay">How long; one of the delays of the plan.</param>
    /// <param name="failedAttempts">How many attempts have failed.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public ValueTask RetryAsync(Delivery delivery, TimeSpan delay, int failedAttempts, CancellationToken cancellationToken)
        => CopyAsync(delivery, "", plan.RetryQueue(delay), Headers(delivery).With(MessageHeaders.FailedAttempts, failedAttempts), cancellationToken);

    /// <summary>Sends a copy to come back after a delay, with its attempts as they were.</summary>
    /// <param name="delivery">The original.</param>
    /// <param name="delay">How long.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public async ValueTask DeferAsync(Delivery delivery, TimeSpan delay, CancellationToken cancellationToken)
    {
        delay = RoundDelay(delay);
        string queue = plan.DeferQueue(delay);

        // Declared each time: that renews the lease, and the lease outlives every message published within it.
        QueueDeclaration declaration = new QueueDeclaration(queue) { IsDurable = plan.IsQueueDurable }
            .WithMessageTtl(delay)
            .ExpiresAfter((delay * 2) + TimeSpan.FromMinutes(1))
            .DeadLetterTo(plan.Queue);
        IChannel channel = await _channel.GetAsync(cancellationToken).ConfigureAwait(false);
        await channel.DeclareQueueAsync(declaration, cancellationToken).ConfigureAwait(false);
        await CopyAsync(delivery, "", queue, Headers(delivery), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a copy to the consumer's dead-letter destination.</summary>
    /// <param name="delivery">The original.</param>
    /// <param name="reason">Why.</param>
    /// <param name="error">The last error, where there is one.</param>
    /// <param name="failedAttempts">How many attempts have failed.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public ValueTask DeadLetterAsync(Delivery delivery, string reason, Exception? error, int failedAttempts, CancellationToken cancellationToken)
    {
        HeaderTable headers = Headers(delivery)
            .With(MessageHeaders.Queue, plan.Queue)
            .With(MessageHeaders.Reason, Cut(reason))
            .With(MessageHeaders.FailedAttempts, failedAttempts)
            .With(MessageHeaders.DeadLetteredAt, services.Time.GetUtcNow());
        if (error is not null)
        {
            headers = headers
                .With(MessageHeaders.ErrorType, error.GetType().FullName)
                .With(MessageHeaders.ErrorMessage, Cut(error.Message));
        }

        return CopyAsync(delivery, plan.DeadLetter!.Exchange, plan.DeadLetter.RoutingKey, headers, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _channel.DisposeAsync();

    /// <summary>A text cut to what a header may hold.</summary>
    /// <param name="text">The text; <see langword="null"/>, as an application's exception may have it in spite of its annotation, is an empty one.</param>
    internal static string Cut(string? text) => text is null ? "" : text.Length <= MaxErrorTextLength ? text : text[..MaxErrorTextLength];

    /// <summary>A delay of at most two significant digits of milliseconds, rounded up, so that the number of queues stays small.</summary>
    /// <param name="delay">The delay.</param>
    internal static TimeSpan RoundDelay(TimeSpan delay)
    {
        long milliseconds = Math.Max(1, (long)Math.Ceiling(delay.TotalMilliseconds));
        long unit = 1;
        while (milliseconds / unit >= 100)
        {
            unit *= 10;
        }

        return TimeSpan.FromMilliseconds((milliseconds + unit - 1) / unit * unit);
    }

    private static HeaderTable Headers(Delivery delivery)
    {
        HeaderTable headers = delivery.Message.Headers;
        foreach (string name in HeadersNotCopied)
        {
            headers = headers.Without(name);
        }

        // Kept from the first copy on: later ones come from the default exchange with a queue's name as key.
        return headers.ContainsKey(MessageHeaders.OriginalExchange)
            ? headers
            : headers.With(MessageHeaders.OriginalExchange, delivery.Exchange).With(MessageHeaders.OriginalRoutingKey, delivery.RoutingKey);
    }

    private async ValueTask CopyAsync(Delivery delivery, string exchange, string routingKey, HeaderTable headers, CancellationToken cancellationToken)
    {
        Message copy = delivery.Message.WithProperties(delivery.Properties with { Headers = headers, Expiration = null, UserId = null });
        IChannel channel = await _channel.GetAsync(cancellationToken).ConfigureAwait(false);
        PublishResult result = await channel.TryPublishAsync(exchange, routingKey, copy, PublishFlags.Mandatory | PublishFlags.InPlaceOfDelivery, cancellationToken).ConfigureAwait(false);
        if (!result.IsConfirmed)
        {
            throw MqErrors.CopyNotTaken(plan.Queue, exchange, routingKey, result);
        }
    }
}
