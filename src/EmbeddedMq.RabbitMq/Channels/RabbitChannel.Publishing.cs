using System.Text;
using EmbeddedMq.RabbitMq.Errors;
using EmbeddedMq.RabbitMq.Wire;
using EmbeddedMq.Threading;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace EmbeddedMq.RabbitMq.Channels;

/// <content>Publishing, confirms, transactions.</content>
internal sealed partial class RabbitChannel
{
    private const int MaxShortStringBytes = 255;

    private ulong _sequence;                // guarded by _callLock
    private int _outstanding;
    private volatile bool _lostTransaction; // the transaction that went with the last wire

    /// <inheritdoc/>
    public async ValueTask<ulong> PublishAsync(
        string exchange, string routingKey, Message message, PublishFlags flags = PublishFlags.None, CancellationToken cancellationToken = default)
    {
        PublishResult result = await TryPublishAsync(exchange, routingKey, message, flags, cancellationToken).ConfigureAwait(false);
        return result.IsConfirmed ? result.SequenceNumber : throw RabbitMqErrors.PublishFailed(result, exchange, routingKey);
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> TryPublishAsync(
        string exchange, string routingKey, Message message, PublishFlags flags = PublishFlags.None, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        CheckShortString(exchange, nameof(exchange));
        CheckShortString(routingKey, nameof(routingKey));
        cancellationToken.ThrowIfCancellationRequested();
        message = message.WithBodyMade();
        if (Interlocked.Increment(ref _outstanding) > _options.MaxOutstandingPublishes)
        {
            Interlocked.Decrement(ref _outstanding);
            return new PublishResult(PublishOutcome.Rejected, 0, RejectReason.TooManyOutstanding);
        }

        // It goes on by itself, and counts as outstanding, also when the caller has ceased to wait: its bytes may be on their way, or be waiting
        // for a server that does not read because its memory is short.
        Task<PublishResult> published = WriteAndWaitAsync(exchange, routingKey, message, flags, cancellationToken);
        try
        {
            return await published.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = published.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>RabbitMQ.Client turns on confirms only when it opens a channel, so the wire is exchanged for another one; that is possible as
    /// long as the channel has neither consumers nor unsettled deliveries.</remarks>
    public async ValueTask SelectConfirmAsync(CancellationToken cancellationToken = default)
    {
        await _callLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ChannelLink link = await GetLinkAsync(cancellationToken).ConfigureAwait(false);
            switch (_mode)
            {
                case ChannelMode.Confirm:
                    return;
                case ChannelMode.Transactional:
                    throw await CloseBecauseAsync(link, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - cannot switch from tx to confirm mode").ConfigureAwait(false);
            }

            if (!_consumers.IsEmpty || !link.Book.IsEmpty)
            {
                throw new NotSupportedException(
                    "A channel on a RabbitMQ server can begin to confirm only before it consumes, because the client has to open another one for it. " +
                    "Open the channel with ChannelMode.Confirm.");
            }

            _mode = ChannelMode.Confirm;
            await ExchangeLinkAsync(link).ConfigureAwait(false); // no way back from here: without confirms the mode would be a lie
        }
        finally
        {
            _callLock.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask SelectTransactionAsync(CancellationToken cancellationToken = default)
    {
        await CallAsync(
            link =>
            {
                _mode = ChannelMode.Transactional; // first: a wire that comes after this one has to begin with it, also when nobody waits for the answer
                return link.Wire.TxSelectAsync();
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask CommitTransactionAsync(CancellationToken cancellationToken = default)
    {
        await CallAsync(
            async link =>
            {
                // Asked on the wire that is to commit: the transaction may have been lost while the call waited its turn.
                if (_lostTransaction)
                {
                    await AbandonTransactionAsync(link).ConfigureAwait(false);
                    throw RabbitMqErrors.TransactionLost(_connection.Name);
                }

                await link.Wire.TxCommitAsync().ConfigureAwait(false);
                EndTransaction(link, restore: false);
            },
            cancellationToken).ConfigureAwait(false);
        await _events.DrainAsync().WaitAsync(cancellationToken).ConfigureAwait(false); // the returns came before the server's answer
    }

    /// <inheritdoc/>
    public async ValueTask RollbackTransactionAsync(CancellationToken cancellationToken = default)
    {
        await CallAsync(
            async link => await AbandonTransactionAsync(link).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask AbandonTransactionAsync(ChannelLink link)
    {
        await link.Wire.TxRollbackAsync().ConfigureAwait(false);
        EndTransaction(link, restore: true);
        _lostTransaction = false;
    }

    private static void EndTransaction(ChannelLink link, bool restore)
    {
        lock (link.SettledInTransaction)
        {
            if (restore)
            {
                link.Book.Restore(link.SettledInTransaction);
            }

            link.SettledInTransaction.Clear();
            link.HoldsTransaction = false;
        }
    }

    private static void CheckShortString(string text, string parameter)
    {
        ArgumentNullException.ThrowIfNull(text, parameter);
        if (text.Length > MaxShortStringBytes || (text.Length > MaxShortStringBytes / 3 && Encoding.UTF8.GetByteCount(text) > MaxShortStringBytes))
        {
            throw new ArgumentException($"It has more than 255 bytes of UTF-8, the most that AMQP can carry; it begins with '{text[..32]}'.", parameter);
        }
    }

    private async Task<PublishResult> WriteAndWaitAsync(string exchange, string routingKey, Message message, PublishFlags flags, CancellationToken cancellationToken)
    {
        try
        {
            // A server before 4.2 returns every mandatory reply, also one that it has delivered: a false alarm is worse than none.
            bool mandatory = flags.HasFlag(PublishFlags.Mandatory) && !(exchange.Length == 0 && routingKey.StartsWith(ReplyQueue + ".", StringComparison.Ordinal));
            Task<PublishResult> answered = await WriteAsync(exchange, routingKey, message, mandatory, cancellationToken).ConfigureAwait(false);
            return await answered.ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _outstanding);
        }
    }

    /// <summary>Writes a publish to the wire.</summary>
    /// <returns>Its answer: completed already on a channel without confirms.</returns>
    private async ValueTask<Task<PublishResult>> WriteAsync(string exchange, string routingKey, Message message, bool mandatory, CancellationToken cancellationToken)
    {
        await _callLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ChannelLink link = await GetLinkAsync(cancellationToken).ConfigureAwait(false);
            PendingPublish? publish = link.Confirms?.Add(++_sequence, exchange, routingKey, message, mandatory);
            link.HoldsTransaction |= _mode == ChannelMode.Transactional;
            try
            {
                await link.Wire.BasicPublishAsync(exchange, routingKey, mandatory, WireMessage.ToWire(message.Properties), message.Body, link.Death).ConfigureAwait(false);
            }
            catch (Exception error) when (WireFailure.Is(error, CancellationToken.None))
            {
                // Perhaps it was written, perhaps not: the publish fails with what happened to the wire.
                Exception translated = Translate(error, link);
                publish?.Fail(translated);
                return publish?.Answered ?? Task.FromException<PublishResult>(translated);
            }
            catch (Exception error)
            {
                // The client could not encode it; nothing was written, so the number is free again.
                if (publish is not null)
                {
                    link.Confirms!.Withdraw(publish);
                    _sequence--;
                }

                if (error is ProtocolViolationException)
                {
                    throw RabbitMqErrors.CannotBeEncoded(error, nameof(message));
                }

                throw;
            }

            // A wire that died between the note and the write has failed its publishes already, perhaps without this one.
            if (publish is not null && link.IsDead)
            {
                publish.Fail(_closeReason is null ? RabbitMqErrors.OutcomeUnknown(_connection.Name, "the connection was lost") : ClosedError());
            }

            return publish?.Answered ?? Task.FromResult(new PublishResult(PublishOutcome.Confirmed, 0));
        }
        finally
        {
            _callLock.Release();
        }
    }

    private async ValueTask ExchangeLinkAsync(ChannelLink old)
    {
        await _resumeLock.WaitAsync().ConfigureAwait(false);
        try
        {
            if (Interlocked.CompareExchange(ref _link, null, old) != old)
            {
                return; // lost meanwhile: the recovery opens one of the new mode
            }

            old.Kill();
            _tagOffset = old.TagOffset + old.Book.Close();
            await CloseWireAsync(old.Wire, ReplyCode.Success, "Goodbye").ConfigureAwait(false);
            _link = await OpenLinkAsync(old.Session, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (WireFailure.Is(error))
        {
            if (old.Session.CloseReason is not null)
            {
                throw Translate(error, old); // the recovery opens one of the new mode
            }

            // There is no wire, and no recovery that would bring one.
            ConnectionException noAnswer = RabbitMqErrors.NoAnswer(_connection.Name, error);
            TryClose(new CloseReason(CloseInitiator.Network, noAnswer.ReplyCode, noAnswer.ReplyText));
            throw noAnswer;
        }
        finally
        {
            _resumeLock.Release();
        }
    }

    /// <summary>Closes the channel for an error that the server would close it for, had it been asked.</summary>
    /// <returns>The error.</returns>
    private async ValueTask<EmbeddedMqException> CloseBecauseAsync(ChannelLink link, ReplyCode replyCode, string replyText)
    {
        TryClose(new CloseReason(CloseInitiator.Broker, replyCode, replyText));
        await CloseWireAsync(link.Wire, replyCode, replyText).ConfigureAwait(false);
        return ClosedError();
    }

    private static Task OnAnswered(ChannelLink link, ulong wireNumber, bool multiple, bool isAck)
    {
        link.Confirms?.Answered(wireNumber, multiple, isAck);
        return Task.CompletedTask;
    }

    private Task OnReturned(ChannelLink link, BasicReturnEventArgs returned)
    {
        Message message = WireMessage.FromWire(returned.BasicProperties, returned.Body);
        MessageReturnedEventArgs told = new((ReplyCode)returned.ReplyCode, returned.ReplyText, returned.Exchange, returned.RoutingKey, message);
        link.Confirms?.Returned(returned.Exchange, returned.RoutingKey, message);
        _events.Post(() => ForeignHandlers.Call(MessageReturned, this, told, _connection.ReportHandlerFailure));
        return Task.CompletedTask;
    }
}
