using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Configuration;
using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Handlers.Outbox;

namespace EmbeddedMq.Handlers.States;

/// <summary>Composes what the stores of one bus know of a message.</summary>
/// <param name="plan">Which consumers are idempotent, and whether the check service runs here.</param>
/// <param name="marks">The store of marks.</param>
/// <param name="outbox">The outbox's store, or <see langword="null"/> where there is none.</param>
/// <remarks>Thread-safe.</remarks>
internal sealed class MessageStates(BusPlan plan, MarkKeeper marks, OutboxStoreSource? outbox) : IMessageStates
{
    private readonly string[] _scopes = [.. plan.Consumers.Select(static consumer => consumer.Scope).OfType<string>().Distinct(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public async ValueTask<MessageState> FindAsync(string messageId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(messageId);

        // The outbox first: a message that moves on meanwhile is found further on its way.
        OutboxEntry? stored = null;
        if (outbox is not null)
        {
            IOutboxStore store = await outbox.GetAsync(cancellationToken).ConfigureAwait(false);
            stored = await store.FindAsync(messageId, cancellationToken).ConfigureAwait(false);
        }

        Dictionary<string, IdempotenceMark> consumers = new(StringComparer.Ordinal);
        foreach (string scope in _scopes)
        {
            if (await FindMarkAsync(scope, messageId, cancellationToken).ConfigureAwait(false) is { } mark)
            {
                consumers.Add(scope, mark);
            }
        }

        IdempotenceMark? check = plan.Checks.HasService ? await FindMarkAsync(CheckService.Scope, messageId, cancellationToken).ConfigureAwait(false) : null;
        return new MessageState
        {
            MessageId = messageId,
            Stage = Judge(stored?.Status, [.. consumers.Values.Select(static mark => mark.State)], check?.State),
            Outbox = stored,
            Consumers = consumers,
            Check = check,
        };
    }

    /// <summary>Says how far a message is. Consumers' marks count before the outbox, for they are further on the way.</summary>
    /// <param name="stored">What the outbox says.</param>
    /// <param name="consumers">What consumers' marks say.</param>
    /// <param name="check">What the check service's mark says.</param>
    internal static MessageStage Judge(OutboxStatus? stored, IReadOnlyList<IdempotenceState> consumers, IdempotenceState? check)
        => consumers.Contains(IdempotenceState.Failed) ? MessageStage.Failed
            : check == IdempotenceState.Processed || consumers.Contains(IdempotenceState.Processed) ? MessageStage.Processed
            : consumers.Count > 0 ? MessageStage.Confirmed
            : stored switch
            {
                OutboxStatus.Pending => MessageStage.Stored,
                OutboxStatus.Sent => MessageStage.Sent,
                OutboxStatus.Confirmed => MessageStage.Confirmed,
                OutboxStatus.Failed => MessageStage.Failed,
                _ => MessageStage.Unknown,
            };

    private ValueTask<IdempotenceMark?> FindMarkAsync(string scope, string messageId, CancellationToken cancellationToken)
        => (marks.StoreOrNull ?? throw MqErrors.MarksNotOpen()).FindAsync(scope, messageId, cancellationToken);
}
