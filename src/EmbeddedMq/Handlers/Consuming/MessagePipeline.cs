using System.Collections.Frozen;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Configuration;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>The way of one delivery through a consumer: read the body, call the handler, settle.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
/// <param name="plan">How the queue is consumed.</param>
/// <param name="services">What the consumer works with.</param>
/// <param name="forwarder">Sends copies.</param>
/// <param name="renewal">Renews the claims of an idempotent consumer; <see langword="null"/> for another.</param>
/// <param name="stopping">Cancelled when nothing more is to begin.</param>
/// <param name="handlersCancelled">Cancelled when handlers in flight are to give up.</param>
/// <remarks>
/// <para>What becomes of the message:</para>
/// <code>
/// body unreadable                        copy to the dead-letter destination, ack
/// handler returns, not settled           ack
/// handler settled through its context    nothing more
/// handler throws after settling          log
/// handler throws, a rule allows a retry  at once; or copy to the retry queue, ack; or wait here, unsettled
/// handler throws, no rule allows it      copy to the dead-letter destination, fault to the reply-to, ack
/// handler cancelled by the stop          unsettled: the closing channel gives it back
/// a copy is not taken                    unsettled, all of this anew after a growing delay
/// </code>
/// <para>An idempotent consumer's messages have more ways: <c>MessagePipeline.Once.cs</c>.</para>
/// <para>Thread-safe; one call a delivery at a time.</para>
/// </remarks>
internal sealed partial class MessagePipeline<T>(
    ConsumerPlan<T> plan, ConsumerServices services, Forwarder forwarder, ClaimRenewal? renewal, CancellationToken stopping, CancellationToken handlersCancelled)
{
    private readonly FrozenDictionary<string, Type>? _otherTypes = plan.Read is null ? OtherTypes(services.Routes) : null;

    /// <summary>What the messages of one run have in common.</summary>
    /// <param name="channel">The run's channel.</param>
    public ConsumerSite SiteOf(IChannel channel)
        => new(channel, forwarder, services, plan.Queue, plan.HandlerType is { } handler && services.Provider is { } provider && !services.NeedsScope(handler, provider) ? provider : null);

    /// <summary>Reads a delivery's body and key. Never throws: the error is in the item.</summary>
    /// <param name="item">The delivery.</param>
    public void Read(WorkItem<T> item)
    {
        item.IsRead = true;
        try
        {
            Message message = item.Delivery.Message;
            if (_otherTypes is not null && message.Properties.Type is { } name && _otherTypes.TryGetValue(name, out Type? published))
            {
                item.ReadError = MqErrors.OtherType(plan.Queue, typeof(T), name, published);
                return;
            }

            item.Message = plan.Read is { } read ? read(message) : BodyReader.Read<T>(services.Serializer, message);
            if (item.Message is null)
            {
                item.ReadError = MqErrors.NullBody(typeof(T));
            }
            else
            {
                object? key = plan.KeyOf?.Invoke(item.Message);
                _ = key?.GetHashCode(); // one that fails at it would end the run, and again when the message comes again
                item.Key = key;
            }
        }
        catch (Exception error)
        {
            // Serializers and key functions are the application's: whatever they throw means that this message cannot be read.
            item.ReadError = error;
        }
    }

    /// <summary>Handles a delivery. Never throws.</summary>
    /// <param name="run">The run that it belongs to.</param>
    /// <param name="item">The delivery.</param>
    /// <returns>The delay after which it is to be handled again, or <see langword="null"/> when this run is done with it.</returns>
    /// <remarks>The way of a message that is read, handled and acknowledged is in this one method: every async method more costs each message. What it and
    /// those below it need while they wait, as for a disk, is used again: a worker that ends one message begins the next with it.</remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<TimeSpan?> ProcessAsync(ConsumerRun run, WorkItem<T> item)
    {
        // Each message begins with no span around it, whatever the one before left behind.
        Activity.Current = null;
        long begun = MessagingTelemetry.BeginMeasuring(services.Time);
        Activity? activity = services.Telemetry.StartProcess(plan.Queue, item.Delivery, item.FailedAttempts + 1);
        services.Telemetry.RecordBegin(plan.Queue);
        Outcome outcome;
        try
        {
            if (!item.IsRead)
            {
                Read(item);
            }

            if (item.ReadError is not null)
            {
                outcome = await GiveUpUnreadableAsync(run, item, item.ReadError).ConfigureAwait(false);
            }
            else if (plan.Idempotent is { } idempotent)
            {
                outcome = await ProcessOnceAsync(run, item, idempotent).ConfigureAwait(false);
            }
            else
            {
                MessageContext context = new(run.Site, item);
                Exception? failure = null;
                try
                {
                    await plan.Call(item.Message!, context, handlersCancelled).ConfigureAwait(false);
                }
                catch (Exception error)
                {
                    failure = error;
                }

                if (context.HasScope)
                {
                    failure = await EndScopeAsync(context, failure).ConfigureAwait(false);
                }

                if (failure is null && !context.IsSettled)
                {
                    if (plan.ConfirmsProcessing)
                    {
                        await ConfirmProcessingAsync(item.Delivery.Message).ConfigureAwait(false);
                    }

                    await run.Channel.AckAsync(item.Delivery.DeliveryTag, cancellationToken: CancellationToken.None).ConfigureAwait(false);
                    outcome = new Outcome(Settlement.Acked);
                }
                else
                {
                    outcome = await AfterHandlerAsync(run, item, context, failure).ConfigureAwait(false);
                }
            }
        }
        catch (Exception error)
        {
            // Only a settlement on a channel that has closed gets here: the broker has the message back.
            Log.SettlementLost(services.Logger, error, plan.Queue, item.Delivery.Properties.MessageId);
            outcome = new Outcome(Settlement.Returned, error);
        }

        services.Telemetry.RecordEnd(activity, plan.Queue, begun, services.Time, NameOf(outcome.Settlement), outcome.Error?.GetType().FullName);
        return outcome.Again;
    }

    /// <summary>The names in messages of the types that are published beside this one and have nothing to do with it; <see langword="null"/> for none.</summary>
    /// <param name="routes">What is published.</param>
    /// <remarks>JSON of another type is read with defaults in most places. A class that is not published itself may be a copy or an extract of one that is,
    /// so it is left to say what it reads; and a name that nobody here publishes under may be any.</remarks>
    private static FrozenDictionary<string, Type>? OtherTypes(IReadOnlyDictionary<Type, PublishRoute> routes)
    {
        if (!routes.ContainsKey(typeof(T)))
        {
            return null;
        }

        Dictionary<string, Type> others = new(StringComparer.Ordinal);
        foreach (IGrouping<string, KeyValuePair<Type, PublishRoute>> named in routes.GroupBy(static route => route.Value.TypeName))
        {
            if (named.All(static route => !route.Key.IsAssignableTo(typeof(T)) && !route.Key.IsAssignableFrom(typeof(T))))
            {
                others.Add(named.Key, named.First().Key);
            }
        }

        return others.Count > 0 ? others.ToFrozenDictionary(StringComparer.Ordinal) : null;
    }

    private static string NameOf(Settlement settlement) => settlement switch
    {
        Settlement.Acked => "ack",
        Settlement.Retried => "retry",
        Settlement.DeadLettered => "dead_letter",
        Settlement.Rejected => "reject",
        Settlement.Requeued => "requeue",
        Settlement.Deferred => "defer",
        _ => "return",
    };

    // The scope ends before the message is settled: what its services do at their end belongs to handling it, and may fail.
    private static async ValueTask<Exception?> EndScopeAsync(MessageContext context, Exception? failure)
    {
        try
        {
            await context.DisposeScopeAsync().ConfigureAwait(false);
            return failure;
        }
        catch (Exception error)
        {
            return failure ?? error;
        }
    }

    private async ValueTask<Outcome> AfterHandlerAsync(ConsumerRun run, WorkItem<T> item, MessageContext context, Exception? failure)
    {
        if (context.IsSettled)
        {
            return await AfterExplicitSettlementAsync(context, failure).ConfigureAwait(false);
        }

        if (handlersCancelled.IsCancellationRequested)
        {
            // Whatever it threw: drivers have many ways to say that they were cancelled, and this attempt was not a fair one.
            Log.HandlerReturned(services.Logger, failure, plan.Queue, item.Delivery.Properties.MessageId);
            run.NoteCancelled();
            return new Outcome(Settlement.Returned);
        }

        return await AfterFailureAsync(run, item, context, failure!).ConfigureAwait(false);
    }

    private async ValueTask<Outcome> AfterExplicitSettlementAsync(MessageContext context, Exception? failure)
    {
        string? messageId = context.Properties.MessageId;
        if (failure is not null)
        {
            Log.HandlerFailedAfterSettling(services.Logger, failure, plan.Queue, messageId);
        }

        if (plan.ConfirmsProcessing && context is { Settlement: Settlement.Acked, Claim: null or { Claim.TakesOutgoing: false } })
        {
            await ConfirmProcessingAsync(context.Delivery.Message).ConfigureAwait(false);
        }

        if (context.DeadLetterReason is { } reason)
        {
            Log.MessageDeadLetteredByHandler(services.Logger, plan.Queue, messageId, reason);
        }

        if (context.Settlement is Settlement.DeadLettered or Settlement.Rejected && !context.HasResponded)
        {
            await SendFaultAsync(context.Properties, "EmbeddedMq.Rejected", context.DeadLetterReason ?? "The handler rejected the request.").ConfigureAwait(false);
        }

        return new Outcome(context.Settlement, failure);
    }

    private async ValueTask<Outcome> AfterFailureAsync(ConsumerRun run, WorkItem<T> item, MessageContext context, Exception failure)
    {
        Delivery delivery = item.Delivery;
        int attempt = item.FailedAttempts + 1;
        if (plan.Retry.DelayAfter(failure, attempt) is not { } delay)
        {
            return await GiveUpAsync(run, item, context, failure, attempt).ConfigureAwait(false);
        }

        Log.HandlerFailedRetrying(services.Logger, failure, plan.Queue, delivery.Properties.MessageId, attempt, delay);
        if (delay == TimeSpan.Zero || plan.Retry.Wait == RetryWait.Consumer)
        {
            item.FailedAttempts = attempt;
            return new Outcome(Settlement.Retried, failure, delay);
        }

        Outcome? notCopied = await CopyAsync(
            run, item, "", plan.RetryQueue(delay), token => forwarder.RetryAsync(delivery, delay, attempt, token)).ConfigureAwait(false);
        if (notCopied is not null)
        {
            return notCopied.Value;
        }

        await run.Channel.AckAsync(delivery.DeliveryTag).ConfigureAwait(false);
        return new Outcome(Settlement.Retried, failure);
    }

    private async ValueTask<Outcome> GiveUpAsync(ConsumerRun run, WorkItem<T> item, MessageContext context, Exception failure, int attempt)
    {
        Delivery delivery = item.Delivery;
        DeadLetterTarget target = plan.DeadLetter!;
        Outcome? notCopied = await CopyAsync(
            run,
            item,
            target.Exchange,
            target.RoutingKey,
            token => forwarder.DeadLetterAsync(delivery, MessageHeaders.ReasonFailed, failure, attempt, token)).ConfigureAwait(false);
        if (notCopied is not null)
        {
            return notCopied.Value;
        }

        Log.MessageDeadLettered(services.Logger, failure, plan.Queue, delivery.Properties.MessageId, attempt, target.Exchange, target.RoutingKey);
        if (!context.HasResponded)
        {
            await SendFaultAsync(delivery.Properties, failure.GetType().FullName!, failure.Message).ConfigureAwait(false);
        }

        await run.Channel.AckAsync(delivery.DeliveryTag).ConfigureAwait(false);
        return new Outcome(Settlement.DeadLettered, failure);
    }

    private ValueTask<Outcome> GiveUpUnreadableAsync(ConsumerRun run, WorkItem<T> item, Exception error)
        => DeadLetterUnhandledAsync(run, item, MessageHeaders.ReasonUnreadable, error, error.GetType().FullName!, error.Message);

    /// <summary>Dead-letters a message that no handler gets to see.</summary>
    private async ValueTask<Outcome> DeadLetterUnhandledAsync(
        ConsumerRun run, WorkItem<T> item, string reason, Exception? error, string faultType, string faultMessage)
    {
        Delivery delivery = item.Delivery;
        DeadLetterTarget target = plan.DeadLetter!;
        Outcome? notCopied = await CopyAsync(
            run,
            item,
            target.Exchange,
            target.RoutingKey,
            token => forwarder.DeadLetterAsync(delivery, reason, error, item.FailedAttempts, token)).ConfigureAwait(false);
        if (notCopied is not null)
        {
            return notCopied.Value;
        }

        if (reason == MessageHeaders.ReasonUnreadable)
        {
            Log.MessageUnreadable(
                services.Logger, error!, plan.Queue, delivery.Properties.MessageId, typeof(T).FullName ?? typeof(T).Name, target.Exchange, target.RoutingKey);
        }
        else
        {
            Log.MessageNotRecognised(services.Logger, plan.Queue, delivery.Properties.MessageId, reason, target.Exchange, target.RoutingKey);
        }

        await SendFaultAsync(delivery.Properties, faultType, faultMessage).ConfigureAwait(false);
        await run.Channel.AckAsync(delivery.DeliveryTag).ConfigureAwait(false);
        return new Outcome(Settlement.DeadLettered, error);
    }

    /// <summary>Sends a copy, and for no longer than the longest delay waits for it to be taken.</summary>
    /// <returns><see langword="null"/> when it was confirmed; else what becomes of the original: given back by a stop or a lost channel, or
    /// handled anew after a growing delay.</returns>
    /// <remarks>Handled anew rather than copied anew without end: a broker short of memory makes publishers wait until consumers have
    /// made room, and consumers that all wait to publish copies never would, even after what their handlers failed of has been mended.</remarks>
    private async ValueTask<Outcome?> CopyAsync(
        ConsumerRun run, WorkItem<T> item, string exchange, string routingKey, Func<CancellationToken, ValueTask> copy)
    {
        string? messageId = item.Delivery.Properties.MessageId;
        try
        {
            using CancellationTokenSource limit = new(services.Options.MaxRestartDelay, services.Time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, handlersCancelled);
            await copy(either.Token).ConfigureAwait(false);
            return null;
        }
        catch (Exception error)
        {
            if (stopping.IsCancellationRequested || !run.Channel.IsOpen)
            {
                Log.SettlementLost(services.Logger, error, plan.Queue, messageId);
                run.NoteCancelled();
                return new Outcome(Settlement.Returned, error);
            }

            TimeSpan delay = NextDelay(item);
            Log.CopyFailed(services.Logger, error, plan.Queue, messageId, exchange, routingKey, delay);
            return new Outcome(Settlement.Retried, error, delay);
        }
    }

    private TimeSpan NextDelay(WorkItem<T> item) => (item.Delays ??= new RestartDelays(services.Options, services.Time)).Next();

    // Waits for no longer than a copy does, for the same reason. What was processed is not processed again because nobody could be told.
    private async ValueTask ConfirmProcessingAsync(Message message)
    {
        if (CheckMessages.ConfirmationOf(message, plan.Queue, services.Time.GetUtcNow()) is not { } confirmation)
        {
            return;
        }

        try
        {
            using CancellationTokenSource limit = new(services.Options.MaxRestartDelay, services.Time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, handlersCancelled);
            PublishResult result = await services.Publisher.TrySendAsync(confirmation, either.Token).ConfigureAwait(false);
            if (!result.IsConfirmed)
            {
                Log.ConfirmationNotSent(services.Logger, null, plan.Queue, message.Properties.MessageId, $"its queue '{confirmation.RoutingKey}' did not take the confirmation ({result.Outcome}).");
            }
        }
        catch (Exception error)
        {
            Log.ConfirmationNotSent(services.Logger, error, plan.Queue, message.Properties.MessageId, error.Message);
        }
    }

    // Waits for no longer than a copy does, for the same reason: the request itself is unsettled until then.
    private async ValueTask SendFaultAsync(MessageProperties request, string errorType, string errorMessage)
    {
        if (string.IsNullOrEmpty(request.ReplyTo))
        {
            return;
        }

        try
        {
            using CancellationTokenSource limit = new(services.Options.MaxRestartDelay, services.Time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, handlersCancelled);
            PublishResult result = await services.Publisher.ReplyFaultAsync(request, errorType, errorMessage, either.Token).ConfigureAwait(false);
            if (!result.IsConfirmed)
            {
                Log.FaultNotSent(services.Logger, null, plan.Queue, request.MessageId);
            }
        }
        catch (Exception error)
        {
            // The request itself is safe in the dead-letter destination; its sender will see a timeout.
            Log.FaultNotSent(services.Logger, error, plan.Queue, request.MessageId);
        }
    }

    private readonly record struct Outcome(Settlement Settlement, Exception? Error = null, TimeSpan? Again = null);
}
