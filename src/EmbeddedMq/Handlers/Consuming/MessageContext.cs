using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Messages;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>One delivery in the hands of its handler.</summary>
/// <param name="channel">The channel to settle on.</param>
/// <param name="forwarder">Sends copies.</param>
/// <param name="services">What the consumer works with.</param>
/// <param name="queue">The queue.</param>
/// <param name="delivery">The delivery.</param>
/// <param name="failedAttempts">How many attempts have failed before this one.</param>
internal sealed class MessageContext(
    IChannel channel, Forwarder forwarder, ConsumerServices services, string queue, Delivery delivery, int failedAttempts) : IMessageContext
{
    private AsyncServiceScope? _scope;
    private int _isTaken; // 1 while something settles it, and after

    /// <inheritdoc/>
    public string Queue => queue;

    /// <inheritdoc/>
    public string Exchange => MessageOrigin.Exchange(delivery);

    /// <inheritdoc/>
    public string RoutingKey => MessageOrigin.RoutingKey(delivery);

    /// <inheritdoc/>
    public Delivery Delivery => delivery;

    /// <inheritdoc/>
    public MessageProperties Properties => delivery.Properties;

    /// <inheritdoc/>
    public HeaderTable Headers => delivery.Message.Headers;

    /// <inheritdoc/>
    public int Attempt => failedAttempts + 1;

    /// <inheritdoc/>
    public IServiceProvider Services
    {
        get
        {
            if (services.Scopes is null)
            {
                throw MqErrors.NoServices(queue);
            }

            // Made when first asked for: a function that needs no services does not pay for a scope.
            return (_scope ??= services.Scopes.CreateAsyncScope()).ServiceProvider;
        }
    }

    /// <inheritdoc/>
    public IPublisher Publisher => Claim?.Publisher ?? services.Publisher;

    /// <inheritdoc/>
    public bool IsSettled => Settlement != Settlement.None;

    /// <summary>The claim on it, where it is to take effect once; set before the handler begins.</summary>
    public HeldClaim? Claim { get; set; }

    /// <summary>How it was settled by its handler.</summary>
    public Settlement Settlement { get; private set; }

    /// <summary>What its handler dead-lettered it for.</summary>
    public string? DeadLetterReason { get; private set; }

    /// <summary>Whether its handler has answered.</summary>
    public bool HasResponded { get; private set; }

    /// <inheritdoc/>
    public ValueTask AckAsync(CancellationToken cancellationToken = default)
        => SettleAsync(
            Settlement.Acked,
            static (context, token) => context.Claim is null
                ? context.Channel.AckAsync(context.Delivery.DeliveryTag, cancellationToken: token)
                : context.CompleteAndAckAsync(context.Claim, token),
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask RejectAsync(CancellationToken cancellationToken = default)
        => SettleAsync(Settlement.Rejected, static (context, token) => context.Channel.RejectAsync(context.Delivery.DeliveryTag, requeue: false, token), cancellationToken);

    /// <inheritdoc/>
    public ValueTask RequeueAsync(CancellationToken cancellationToken = default)
        => SettleAsync(Settlement.Requeued, static (context, token) => context.Channel.RejectAsync(context.Delivery.DeliveryTag, requeue: true, token), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DeferAsync(TimeSpan delay, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(delay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(delay, Backoff.MaxDelay);
        return SettleAsync(
            Settlement.Deferred,
            async (context, token) =>
            {
                await forwarder.DeferAsync(context.Delivery, delay, token).ConfigureAwait(false);
                await context.AckCopiedAsync().ConfigureAwait(false);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DeadLetterAsync(string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        return SettleAsync(
            Settlement.DeadLettered,
            async (context, token) =>
            {
                await forwarder.DeadLetterAsync(context.Delivery, reason, null, failedAttempts, token).ConfigureAwait(false);
                context.DeadLetterReason = reason;
                await context.AckCopiedAsync().ConfigureAwait(false);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask RespondAsync<TResponse>(TResponse response, CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrEmpty(Properties.ReplyTo))
        {
            throw MqErrors.NoReplyTo(queue, Properties.MessageId);
        }

        PublishResult result = await services.Publisher.ReplyAsync(Properties, response, cancellationToken).ConfigureAwait(false);
        HasResponded = true;
        if (!result.IsConfirmed)
        {
            Log.ResponseDropped(services.Logger, queue, Properties.MessageId, $"its sender is gone ({result.Outcome})");
        }
    }

    /// <summary>Answers a request, or notes that it wants no answer.</summary>
    /// <typeparam name="TResponse">The answer's type.</typeparam>
    /// <param name="response">The answer.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal ValueTask RespondIfWantedAsync<TResponse>(TResponse response, CancellationToken cancellationToken)
    {
        if (!string.IsNullOrEmpty(Properties.ReplyTo))
        {
            return RespondAsync(response, cancellationToken);
        }

        Log.ResponseDropped(services.Logger, queue, Properties.MessageId, "it has no reply-to");
        return ValueTask.CompletedTask;
    }

    /// <summary>What its consumer works with.</summary>
    internal ConsumerServices ConsumerServices => services;

    /// <summary>The services of this message's scope; empty where there are none.</summary>
    internal IServiceProvider ServicesOrNone => services.Scopes is null ? NoServices.Instance : Services;

    /// <summary>Answers the question of a check service.</summary>
    /// <param name="isResent">Whether the message was sent again.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal async ValueTask RespondToCheckAsync(bool isResent, CancellationToken cancellationToken)
    {
        PublishResult result = await services.Publisher.TrySendAsync(
            CheckMessages.AnswerOf(Properties, isResent, services.Time.GetUtcNow()), cancellationToken).ConfigureAwait(false);
        HasResponded = true;
        if (!result.IsConfirmed)
        {
            Log.ResponseDropped(services.Logger, queue, Properties.MessageId, $"its sender is gone ({result.Outcome})");
        }
    }

    /// <summary>Whether <see cref="Services"/> was asked for, so that there is a scope to end.</summary>
    internal bool HasScope => _scope is not null;

    /// <summary>Ends the message's scope, where it has one.</summary>
    internal ValueTask DisposeScopeAsync()
    {
        if (_scope is not { } scope)
        {
            return ValueTask.CompletedTask;
        }

        _scope = null;
        return scope.DisposeAsync();
    }

    private IChannel Channel => channel;

    private async ValueTask SettleAsync(
        Settlement settlement, Func<MessageContext, CancellationToken, ValueTask> settle, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isTaken, 1) != 0)
        {
            throw MqErrors.AlreadySettled(queue, Properties.MessageId);
        }

        try
        {
            await settle(this, cancellationToken).ConfigureAwait(false);
            Settlement = settlement;
        }
        catch
        {
            // Not settled: the handler may try another way, and failing that its message is retried.
            Volatile.Write(ref _isTaken, 0);
            throw;
        }
    }

    private async ValueTask CompleteAndAckAsync(HeldClaim claim, CancellationToken cancellationToken)
    {
        await claim.CompleteAsync(cancellationToken).ConfigureAwait(false);
        if (!claim.IsAcknowledged)
        {
            await channel.AckAsync(delivery.DeliveryTag, cancellationToken: CancellationToken.None).ConfigureAwait(false);
        }
    }

    // The copy exists, so from here on the message is settled: a cancelled or failed acknowledgement means a second delivery, not a second copy by the handler.
    private async ValueTask AckCopiedAsync()
    {
        try
        {
            await channel.AckAsync(delivery.DeliveryTag).ConfigureAwait(false);
        }
        catch (EmbeddedMqException error)
        {
            Log.SettlementLost(services.Logger, error, queue, Properties.MessageId);
        }
    }
}
