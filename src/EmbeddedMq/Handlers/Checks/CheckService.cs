using System.Globalization;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Handlers.Configuration;
using EmbeddedMq.Handlers.Consuming;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Handlers.Checks;

/// <summary>Records which messages were processed, and asks the producers of those that were not in time.</summary>
/// <param name="plan">Whom it asks, and how often.</param>
/// <param name="marks">Gives the store: a message that was confirmed is a processed one of scope <see cref="Scope"/>.</param>
/// <param name="broker">The broker's name.</param>
/// <param name="logger">The log.</param>
/// <remarks>
/// <para>What becomes of what comes to its queue:</para>
/// <code>
/// confirmation                              remembered; a second one changes nothing
/// check, confirmed                          nothing more to do
/// check, sent as often as may be            alert, to the queue for failed checks
/// check, nobody answers for the type        the same
/// check, asked already (delivered twice)    nothing more to do
/// check                                     ask. Sent again, which brings a check with one attempt more: noted, so that it is asked once. Settled:
///                                           not noted, for the producer may come to publish the message after all
/// asking fails                              retried as the rules say; then alert, to the queue for failed checks
/// the store fails                           the same again in a while; attempts are not counted
/// </code>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class CheckService(CheckPlan plan, MarkKeeper marks, string broker, ILogger logger)
{
    /// <summary>The scope of confirmed messages in the idempotence store.</summary>
    internal const string Scope = "checks";

    // How long what cannot be looked up or remembered waits.
    private static readonly TimeSpan StoreDelay = TimeSpan.FromSeconds(5);

    /// <summary>Handles a check or a confirmation.</summary>
    /// <param name="services">What its consumer works with.</param>
    /// <param name="message">The check or confirmation.</param>
    /// <param name="context">In its handler's hands.</param>
    /// <param name="cancellationToken">Cancelled when the application stops.</param>
    public ValueTask HandleAsync(ConsumerServices services, CheckMessage message, IMessageContext context, CancellationToken cancellationToken)
        => message.Check is null ? ConfirmAsync(message, context, cancellationToken) : CheckAsync(services, message, context, cancellationToken);

    // A question is asked once for each attempt, though its check may be delivered twice.
    private static string ScopeOfQuestions(MessageCheck check) => string.Create(CultureInfo.InvariantCulture, $"{Scope}.{check.Attempt}");

    private async ValueTask ConfirmAsync(CheckMessage message, IMessageContext context, CancellationToken cancellationToken)
    {
        try
        {
            IIdempotenceClaim claim = await ClaimAsync(Scope, message.MessageId, cancellationToken).ConfigureAwait(false);
            await using (claim.ConfigureAwait(false))
            {
                switch (claim.Outcome)
                {
                    case ClaimOutcome.Claimed:
                        await claim.CompleteAsync([], cancellationToken).ConfigureAwait(false);
                        CheckTelemetry.Confirmed.Add(broker);
                        break;
                    case ClaimOutcome.Busy:
                        await context.DeferAsync(LaterThan(claim.RetryAfter), cancellationToken).ConfigureAwait(false);
                        break;
                    default:
                        break; // known
                }
            }
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested && !context.IsSettled)
        {
            await DeferAsync(context, message.MessageId, error, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask CheckAsync(ConsumerServices services, CheckMessage message, IMessageContext context, CancellationToken cancellationToken)
    {
        MessageCheck check = message.Check!;
        IIdempotenceClaim claim;
        try
        {
            if (await marks.Store.FindAsync(Scope, check.MessageId, cancellationToken).ConfigureAwait(false) is { State: IdempotenceState.Processed })
            {
                return;
            }

            claim = await ClaimAsync(ScopeOfQuestions(check), check.MessageId, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            await DeferAsync(context, check.MessageId, error, cancellationToken).ConfigureAwait(false);
            return;
        }

        await using (claim.ConfigureAwait(false))
        {
            switch (claim.Outcome)
            {
                case ClaimOutcome.Claimed:
                    await DecideAsync(services, message, claim, context, cancellationToken).ConfigureAwait(false);
                    break;
                case ClaimOutcome.Busy:
                    await context.DeferAsync(LaterThan(claim.RetryAfter), cancellationToken).ConfigureAwait(false);
                    break;
                default:
                    break; // asked already
            }
        }
    }

    private async ValueTask DecideAsync(
        ConsumerServices services, CheckMessage message, IIdempotenceClaim claim, IMessageContext context, CancellationToken cancellationToken)
    {
        MessageCheck check = message.Check!;
        if (check.Attempt >= plan.MaxAttempts)
        {
            await GiveUpAsync(check, $"Nobody has confirmed it after {check.Attempt} attempts.", context, cancellationToken).ConfigureAwait(false);
        }
        else if (!plan.Callbacks.TryGetValue(check.MessageType, out CheckCallback? callback))
        {
            await GiveUpAsync(check, $"Nobody answers for messages of type '{check.MessageType}'.", context, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            try
            {
                bool isResent = await callback(services, message, context, cancellationToken).ConfigureAwait(false);
                Log.CheckAnswered(logger, check.MessageId, check.Attempt, isResent ? CheckMessages.Resent : CheckMessages.Settled);
                (isResent ? CheckTelemetry.Resent : CheckTelemetry.Settled).Add(broker);
                if (!isResent)
                {
                    return;
                }
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested && plan.Retry.DelayAfter(error, context.Attempt) is null)
            {
                await GiveUpAsync(check, $"Its producer could not be asked: {error.Message}", context, cancellationToken).ConfigureAwait(false);
            }
        }

        try
        {
            await claim.CompleteAsync([], cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            // Answered, and forgotten: should this check come again, the same is asked again.
            Log.CheckStoreFailed(logger, error, check.MessageId);
        }
    }

    private async ValueTask GiveUpAsync(MessageCheck check, string reason, IMessageContext context, CancellationToken cancellationToken)
    {
        Log.CheckFailed(logger, broker, check.MessageId, check.MessageType, reason, plan.FailedQueue);
        CheckTelemetry.Failed.Add(broker);
        if (plan.OnFailed is not null)
        {
            try
            {
                await plan.OnFailed(check, reason, ((MessageContext)context).ServicesOrNone, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested)
            {
                Log.CheckCallbackFailed(logger, error, check.MessageId);
            }
        }

        await context.DeadLetterAsync(reason, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask<IIdempotenceClaim> ClaimAsync(string scope, string messageId, CancellationToken cancellationToken)
        => marks.Store.ClaimAsync(new ClaimRequest { Key = new IdempotenceKey(scope, messageId, default), Lease = marks.Lease }, cancellationToken);

    private async ValueTask DeferAsync(IMessageContext context, string messageId, Exception error, CancellationToken cancellationToken)
    {
        Log.CheckStoreFailed(logger, error, messageId);
        await context.DeferAsync(StoreDelay, cancellationToken).ConfigureAwait(false);
    }

    private static TimeSpan LaterThan(TimeSpan retryAfter)
        => retryAfter < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : retryAfter > Backoff.MaxDelay ? Backoff.MaxDelay : retryAfter;
}
