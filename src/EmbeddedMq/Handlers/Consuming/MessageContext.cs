using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Messages;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>One delivery in the hands of its handler.</summary>
/// <param name="site">What it has in common with others.</param>
/// <param name="item">The delivery.</param>
/// <remarks>Made anew for each attempt, and never used again: an application may keep it for longer than it should.</remarks>
internal sealed class MessageContext(ConsumerSite site, WorkItem item) : IMessageContext
{
    private readonly int _failedAttempts = item.FailedAttempts; // the item counts on
    private IServiceScope? _scope;
    private int _isTaken; // 1 while something settles it, and after

    /// <inheritdoc/>
    public string Queue => site.Queue;

    /// <inheritdoc/>
    public string Exchange => MessageOrigin.Exchange(item.Delivery);

    /// <inheritdoc/>
    public string RoutingKey => MessageOrigin.RoutingKey(item.Delivery);

    /// <inheritdoc/>
    public Delivery Delivery => item.Delivery;

    /// <inheritdoc/>
    public MessageProperties Properties => item.Delivery.Properties;

    /// <inheritdoc/>
    public HeaderTable Headers => item.Delivery.Message.Headers;

    /// <inheritdoc/>
    public int Attempt => _failedAttempts + 1;

    /// <inheritdoc/>
    public IServiceProvider Services
    {
        get
        {
            if (ConsumerServices.Scopes is null)
            {
                throw MqErrors.NoServices(Queue);
            }

            // Made when first asked for: a handler that needs none of its own does not pay for a scope.
            return (_scope ?? MakeScope(ConsumerServices.Scopes)).ServiceProvider;
        }
    }

    /// <inheritdoc/>
    public IPublisher Publisher => Claim?.Publisher ?? ConsumerServices.Publisher;

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
                await site.Forwarder.DeferAsync(context.Delivery, delay, token).ConfigureAwait(false);
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
                await site.Forwarder.DeadLetterAsync(context.Delivery, reason, null, _failedAttempts, token).ConfigureAwait(false);
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
            throw MqErrors.NoReplyTo(Queue, Properties.MessageId);
        }

        PublishResult result = await ConsumerServices.Publisher.ReplyAsync(Properties, response, cancellationToken).ConfigureAwait(false);
        HasResponded = true;
        if (!result.IsConfirmed)
        {
            Log.ResponseDropped(ConsumerServices.Logger, Queue, Properties.MessageId, $"its sender is gone ({result.Outcome})");
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
            return response is null ? throw MqErrors.NullAnswer(Queue, typeof(TResponse)) : RespondAsync(response, cancellationToken);
        }

        Log.ResponseDropped(ConsumerServices.Logger, Queue, Properties.MessageId, "it has no reply-to");
        return ValueTask.CompletedTask;
    }

    /// <summary>What its consumer works with.</summary>
    internal ConsumerServices ConsumerServices => site.Services;

    /// <summary>What its handler is resolved from: the application's services where that is the same as this message's scope.</summary>
    internal IServiceProvider HandlerServices => site.HandlerServices ?? Services;

    /// <summary>The services of this message's scope; empty where there are none.</summary>
    internal IServiceProvider ServicesOrNone => ConsumerServices.Scopes is null ? NoServices.Instance : Services;

    /// <summary>Answers the question of a check service.</summary>
    /// <param name="isResent">Whether the message was sent again.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal async ValueTask RespondToCheckAsync(bool isResent, CancellationToken cancellationToken)
    {
        PublishResult result = await ConsumerServices.Publisher.TrySendAsync(
            CheckMessages.AnswerOf(Properties, isResent, ConsumerServices.Time.GetUtcNow()), cancellationToken).ConfigureAwait(false);
        HasResponded = true;
        if (!result.IsConfirmed)
        {
            Log.ResponseDropped(ConsumerServices.Logger, Queue, Properties.MessageId, $"its sender is gone ({result.Outcome})");
        }
    }

    /// <summary>Whether <see cref="Services"/> was asked for, so that there is a scope to end.</summary>
    internal bool HasScope => _scope is not null;

    /// <summary>Ends the message's scope, where it has one.</summary>
    internal ValueTask DisposeScopeAsync()
    {
        IServiceScope? scope = _scope;
        _scope = null;
        if (scope is IAsyncDisposable disposable)
        {
            return disposable.DisposeAsync();
        }

        scope?.Dispose();
        return ValueTask.CompletedTask;
    }

    private IChannel Channel => site.Channel;

    // A handler may ask on several threads, and a second scope would never end.
    private IServiceScope MakeScope(IServiceScopeFactory scopes)
    {
        IServiceScope made = scopes.CreateScope();
        if (Interlocked.CompareExchange(ref _scope, made, null) is not { } first)
        {
            return made;
        }

        made.Dispose();
        return first;
    }

    private async ValueTask SettleAsync(
        Settlement settlement, Func<MessageContext, CancellationToken, ValueTask> settle, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isTaken, 1) != 0)
        {
            throw MqErrors.AlreadySettled(Queue, Properties.MessageId);
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
            await Channel.AckAsync(item.Delivery.DeliveryTag, cancellationToken: CancellationToken.None).ConfigureAwait(false);
        }
    }

    // The copy exists, so from here on the message is settled: a cancelled or failed acknowledgement means a second delivery, not a second copy by the handler.
    private async ValueTask AckCopiedAsync()
    {
        try
        {
            await Channel.AckAsync(item.Delivery.DeliveryTag).ConfigureAwait(false);
        }
        catch (EmbeddedMqException error)
        {
            Log.SettlementLost(ConsumerServices.Logger, error, Queue, Properties.MessageId);
        }
    }
}
