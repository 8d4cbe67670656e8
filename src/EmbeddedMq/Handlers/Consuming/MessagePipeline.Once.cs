using System.Runtime.CompilerServices;
using System.Text;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers.Consuming;

/// <content>
/// <para>The way of a message that is to take effect once: recognise, claim, call the handler, complete, settle.</para>
/// <code>
/// no id                                  copy to the dead-letter destination, ack
/// duplicate                              ack
/// conflict                               copy to the dead-letter destination, ack
/// busy                                   unsettled, all of this anew after a delay
/// handler returns, not settled           complete with what it published, ack unless the completion did
/// handler acks through its context       complete, ack; at once
/// handler requeues or defers             give the claim up
/// handler dead-letters or rejects        note the failure
/// handler throws, a rule allows a retry  give the claim up, then as without a claim
/// handler throws, no rule allows it      note the failure, then as without a claim
/// handler cancelled by the stop          give the claim up; unsettled
/// what it did or published is refused    as if the handler had thrown that
/// handler throws, the claim is broken    as if the store had failed; the sixth time it is the handler that breaks it
/// the claim is lost                      unsettled, all of this anew after a growing delay
/// the store fails                        unsettled, all of this anew after a growing delay; no attempt is counted
/// the ack fails after the completion     the broker delivers it again, and it is a duplicate
/// </code>
/// <para>The message's scope ends before its completion, because what its services do at their end belongs to handling it; for a store that
/// lives in the scope (<see cref="IIdempotenceClaim.LivesInScope"/>) after it, because the transaction that is to be committed would else end first.
/// Both come before the acknowledgement.</para>
/// </content>
internal sealed partial class MessagePipeline<T>
{
    private const int MaxIdBytes = 255;
    private const int MostBrokenClaims = 5;
    private const string ConflictFault = "EmbeddedMq.Conflict";
    private const string NoIdFault = "EmbeddedMq.NoMessageId";

    private static readonly TimeSpan ShortestDelay = TimeSpan.FromMilliseconds(1);

    /// <summary>Handles a delivery whose body was read, once for all deliveries of its message.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Outcome> ProcessOnceAsync(ConsumerRun run, WorkItem<T> item, IdempotentPlan<T> idempotent)
    {
        MessageContext context = new(run.Site, item);
        if (!TryRecognise(item, context, idempotent, out IdempotenceKey key))
        {
            return await AfterNotRecognisedAsync(run, item, context).ConfigureAwait(false);
        }

        ClaimRequest request = new() { Key = key, Lease = services.Marks.Lease, Context = context, Channel = run.Channel };
        IIdempotenceClaim claim;
        try
        {
            claim = await services.Marks.Store.ClaimAsync(request, handlersCancelled).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            return await AfterStoreFailureAsync(run, item, context, error).ConfigureAwait(false);
        }

        if (claim.Outcome != ClaimOutcome.Claimed)
        {
            return await AfterRefusalAsync(run, item, context, claim, key).ConfigureAwait(false);
        }

        HeldClaim held = new(claim, request, renewal!, services.Publisher, plan.ConfirmsProcessing ? HeldConfirmation(item.Delivery.Message) : null);
        context.Claim = held;
        renewal!.Add(held);
        Exception? failure = null;
        try
        {
            await plan.Call(item.Message!, context, handlersCancelled).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            failure = error;
        }

        if (context.HasScope && !claim.LivesInScope)
        {
            failure = await EndScopeAsync(context, failure).ConfigureAwait(false);
        }

        if (failure is null && !context.IsSettled)
        {
            try
            {
                // Not cut short by a stop, which waits a little: the handler has done its work, and would do it again.
                await held.CompleteAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                failure = error;
            }
        }

        if (failure is null && held.IsCompleted && !context.IsSettled && !context.HasScope)
        {
            if (!held.IsAcknowledged)
            {
                await ConfirmCompletedAsync(item, held).ConfigureAwait(false);
                await run.Channel.AckAsync(item.Delivery.DeliveryTag, cancellationToken: CancellationToken.None).ConfigureAwait(false);
            }

            services.Telemetry.RecordOnce(plan.Queue, MessagingTelemetry.OnceProcessed);
            return new Outcome(Settlement.Acked);
        }

        return await AfterClaimedAsync(run, item, context, held, failure).ConfigureAwait(false);
    }

    // What the application's functions throw means that the message cannot be read, and is in the item then.
    private static bool TryRecognise(WorkItem<T> item, MessageContext context, IdempotentPlan<T> idempotent, out IdempotenceKey key)
    {
        key = default;
        try
        {
            Message message = item.Delivery.Message;
            string? id = idempotent.IdOf is null ? message.Properties.MessageId : idempotent.IdOf(item.Message!, context);
            if (string.IsNullOrEmpty(id))
            {
                return false;
            }

            if (id.Length > MaxIdBytes / 3 && Encoding.UTF8.GetByteCount(id) > MaxIdBytes)
            {
                throw MqErrors.MessageIdTooLong(id);
            }

            Fingerprint fingerprint = idempotent.TextOf is null
                ? Fingerprints.OfBody(message.Body.Span)
                : Fingerprints.OfText(idempotent.TextOf(item.Message!, context));
            if (idempotent.Headers.Length > 0)
            {
                fingerprint = Fingerprints.WithHeaders(fingerprint, message.Headers, idempotent.Headers);
            }

            key = new IdempotenceKey(idempotent.Scope, id, fingerprint);
            return true;
        }
        catch (Exception error)
        {
            item.ReadError = error;
            return false;
        }
    }

    private async ValueTask<Outcome> AfterNotRecognisedAsync(ConsumerRun run, WorkItem<T> item, MessageContext context)
    {
        await EndUnusedScopeAsync(context).ConfigureAwait(false);
        return item.ReadError is { } error
            ? await GiveUpUnreadableAsync(run, item, error).ConfigureAwait(false)
            : await DeadLetterUnhandledAsync(run, item, MessageHeaders.ReasonNoMessageId, null, NoIdFault, "The request has no message id.").ConfigureAwait(false);
    }

    private async ValueTask<Outcome> AfterStoreFailureAsync(ConsumerRun run, WorkItem<T> item, MessageContext context, Exception error)
    {
        await EndUnusedScopeAsync(context).ConfigureAwait(false);
        return PostponeForStore(run, item, error);
    }

    private async ValueTask<Outcome> AfterRefusalAsync(ConsumerRun run, WorkItem<T> item, MessageContext context, IIdempotenceClaim claim, IdempotenceKey key)
    {
        (ClaimOutcome outcome, TimeSpan retryAfter) = (claim.Outcome, claim.RetryAfter);
        try
        {
            await claim.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            Log.ClaimNotEnded(services.Logger, error, plan.Queue, key.MessageId);
        }

        await EndUnusedScopeAsync(context).ConfigureAwait(false);
        switch (outcome)
        {
            case ClaimOutcome.Duplicate:
                services.Telemetry.RecordOnce(plan.Queue, MessagingTelemetry.OnceDuplicate);
                Log.DuplicateAcknowledged(services.Logger, plan.Queue, key.MessageId);
                if (plan.ConfirmsProcessing)
                {
                    // Again: it may have come because the first confirmation was lost.
                    await ConfirmProcessingAsync(item.Delivery.Message).ConfigureAwait(false);
                }

                await run.Channel.AckAsync(item.Delivery.DeliveryTag, cancellationToken: CancellationToken.None).ConfigureAwait(false);
                return new Outcome(Settlement.Acked);
            case ClaimOutcome.Conflict:
                services.Telemetry.RecordOnce(plan.Queue, MessagingTelemetry.OnceConflict);
                return await DeadLetterUnhandledAsync(
                    run, item, MessageHeaders.ReasonConflict, null, ConflictFault, "A request of this id was processed that said something else.").ConfigureAwait(false);
            default:
                // Whoever has it may be a process that died: asked for again soon, then ever more rarely.
                TimeSpan most = NextDelay(item);
                TimeSpan delay = retryAfter < most ? retryAfter : most;
                services.Telemetry.RecordOnce(plan.Queue, MessagingTelemetry.OnceBusy);
                Log.MessageBusy(services.Logger, plan.Queue, key.MessageId, delay);
                return new Outcome(Settlement.Retried, Again: delay > ShortestDelay ? delay : ShortestDelay);
        }
    }

    private async ValueTask<Outcome> AfterClaimedAsync(ConsumerRun run, WorkItem<T> item, MessageContext context, HeldClaim held, Exception? failure)
    {
        if (failure is not null && item.BrokenClaims < MostBrokenClaims && held.TryBlameStore(failure))
        {
            item.BrokenClaims++;
        }

        if (!held.IsCompleted && await held.EndAsync(IsGivenUp(item, context, held, failure), handlersCancelled).ConfigureAwait(false) is { } notEnded)
        {
            Log.ClaimNotEnded(services.Logger, notEnded, plan.Queue, held.Key.MessageId);
        }

        if (context.HasScope && await EndScopeAsync(context, null).ConfigureAwait(false) is { } atEnd)
        {
            Log.ScopeEndFailed(services.Logger, atEnd, plan.Queue, held.Key.MessageId);
            failure ??= held.IsCompleted ? null : atEnd;
        }

        if (held.IsCompleted)
        {
            services.Telemetry.RecordOnce(plan.Queue, MessagingTelemetry.OnceProcessed);
            if (!context.IsSettled)
            {
                await ConfirmCompletedAsync(item, held).ConfigureAwait(false);
                await run.Channel.AckAsync(item.Delivery.DeliveryTag, cancellationToken: CancellationToken.None).ConfigureAwait(false);
                return new Outcome(Settlement.Acked);
            }
        }

        return !context.IsSettled && IsStoreFailure(held, failure)
            ? PostponeForStore(run, item, failure!)
            : await AfterHandlerAsync(run, item, context, failure).ConfigureAwait(false);
    }

    // Whether the message goes to the dead-letter destination or is rejected: nobody is going to try it again by itself.
    private bool IsGivenUp(WorkItem<T> item, MessageContext context, HeldClaim held, Exception? failure)
        => context.IsSettled
            ? context.Settlement is Settlement.DeadLettered or Settlement.Rejected
            : !handlersCancelled.IsCancellationRequested && !IsStoreFailure(held, failure) && plan.Retry.DelayAfter(failure!, item.FailedAttempts + 1) is null;

    private static bool IsStoreFailure(HeldClaim held, Exception? failure) => failure is not null && failure == held.StoreError;

    private Outcome PostponeForStore(ConsumerRun run, WorkItem<T> item, Exception error)
    {
        string? messageId = item.Delivery.Properties.MessageId;
        if (handlersCancelled.IsCancellationRequested)
        {
            Log.HandlerReturned(services.Logger, error, plan.Queue, messageId);
            run.NoteCancelled();
            return new Outcome(Settlement.Returned, error);
        }

        TimeSpan delay = NextDelay(item);
        if (error is ClaimLostException)
        {
            Log.ClaimLost(services.Logger, error, plan.Queue, messageId);
        }
        else
        {
            Log.IdempotenceStoreFailed(services.Logger, error, plan.Queue, messageId, delay);
        }

        return new Outcome(Settlement.Retried, error, delay);
    }

    // What a check service is told as part of the completion. Not mandatory: one that is gone must not keep the message from being completed.
    private OutboxMessage? HeldConfirmation(Message message)
        => CheckMessages.ConfirmationOf(message, plan.Queue, services.Time.GetUtcNow()) is { } confirmation
            ? services.Publisher.ToStored(confirmation) with { Mandatory = false }
            : null;

    // Between completion and acknowledgement: if the process dies before the latter, the message comes again as a duplicate, which is confirmed, too.
    private ValueTask ConfirmCompletedAsync(WorkItem<T> item, HeldClaim held)
        => plan.ConfirmsProcessing && !held.Claim.TakesOutgoing ? ConfirmProcessingAsync(item.Delivery.Message) : ValueTask.CompletedTask;

    // The scope of a message that no handler gets: in it are what the application's functions and the store asked for.
    private async ValueTask EndUnusedScopeAsync(MessageContext context)
    {
        if (context.HasScope && await EndScopeAsync(context, null).ConfigureAwait(false) is { } error)
        {
            Log.ScopeEndFailed(services.Logger, error, plan.Queue, context.Properties.MessageId);
        }
    }
}
