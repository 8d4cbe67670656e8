using System.Runtime.CompilerServices;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Channels;

/// <content>Publishing, confirms, transactions.</content>
internal sealed partial class Channel
{
    /// <inheritdoc/>
    public ValueTask<ulong> PublishAsync(
        string exchange, string routingKey, Message message, PublishFlags flags = PublishFlags.None, CancellationToken cancellationToken = default)
    {
        ValueTask<PublishResult> publish = TryPublishAsync(exchange, routingKey, message, flags, cancellationToken);
        if (publish.IsCompletedSuccessfully)
        {
            PublishResult result = publish.GetAwaiter().GetResult();
            return result.IsConfirmed
                ? new ValueTask<ulong>(result.SequenceNumber)
                : ValueTask.FromException<ulong>(MqErrors.PublishFailed(result, exchange, routingKey));
        }

        return AwaitAsync(publish, exchange, routingKey);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        static async ValueTask<ulong> AwaitAsync(ValueTask<PublishResult> publish, string exchange, string routingKey)
        {
            PublishResult result = await publish.ConfigureAwait(false);
            return result.IsConfirmed ? result.SequenceNumber : throw MqErrors.PublishFailed(result, exchange, routingKey);
        }
    }

    /// <inheritdoc/>
    public ValueTask<PublishResult> TryPublishAsync(
        string exchange, string routingKey, Message message, PublishFlags flags = PublishFlags.None, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(exchange);
        ArgumentNullException.ThrowIfNull(message);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<PublishResult>(cancellationToken);
        }

        if (message.LazyBody is not null && _virtualHost.Services.Store.IsDurable)
        {
            message = message.WithBodyMade(); // any message may have to go to disk, at a time when nobody could be told that its bytes cannot be made
        }

        try
        {
            ThrowIfClosed();
            MessageCheck.CheckName("routing key", routingKey, Limits);
            MessageCheck.CheckSize(message, Limits);
            string? replyTo = message.Properties.ReplyTo is ReplyQueue.PseudoName ? _replyQueue?.Name ?? "" : null;
            if ((replyTo is "" ? MqErrors.NoReplyConsumer() : MessageCheck.FindFault(message.Properties, _connection.UserName, Limits)) is { } fault)
            {
                _virtualHost.CheckPublish(exchange); // RabbitMQ looks at the exchange first, so its absence is the error of the two
                throw fault;
            }

            if (replyTo is not null)
            {
                message = message.WithProperties(message.Properties with { ReplyTo = replyTo });
            }

            return _publisher.PublishAsync(exchange, routingKey, message, flags, cancellationToken);
        }
        catch (EmbeddedMqException error)
        {
            CloseBecause(error);
            return ValueTask.FromException<PublishResult>(error);
        }
    }

    /// <inheritdoc/>
    public ValueTask SelectConfirmAsync(CancellationToken cancellationToken = default) => Run(_publisher.SelectConfirm, cancellationToken);

    /// <inheritdoc/>
    public ValueTask SelectTransactionAsync(CancellationToken cancellationToken = default) => Run(_publisher.SelectTransaction, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask CommitTransactionAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            ThrowIfClosed();
            await _publisher.CommitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (EmbeddedMqException error)
        {
            CloseBecause(error);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask RollbackTransactionAsync(CancellationToken cancellationToken = default)
        => Run(
            () =>
            {
                IReadOnlyList<Unsettled> deliveries = _publisher.Rollback();
                if (!_unacked.TryPutBack(deliveries))
                {
                    Settler.Settle([.. deliveries], Settlement.Requeue); // the channel has closed meanwhile
                }
            },
            cancellationToken);
}
