using System.Collections.Concurrent;
using System.Diagnostics;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Outbox;

/// <summary>Publishes stored messages and tells what became of each.</summary>
/// <param name="connection">The connection; the channels on it are the sender's own.</param>
/// <param name="broker">The broker's name.</param>
/// <param name="time">The clock.</param>
/// <param name="telemetry">Spans and measurements.</param>
/// <remarks>
/// <para>An error that closes a channel leaves the outcome of everything outstanding on it unknown, and does not say which message was at fault. So
/// none of them counts as tried, and each is sent again alone, on a channel that is used for nothing else: if that closes, it was this one.</para>
/// <para>Thread-safe. Several messages may be sent at once.</para>
/// </remarks>
internal sealed class OutboxSender(BusConnection connection, string broker, TimeProvider time, MessagingTelemetry telemetry) : IAsyncDisposable
{
    // Those that never came back were sent by another relay; a suspect that is forgotten is found again by the next channel that closes.
    private const int MaxSuspects = 20_000;

    private readonly ExchangeChannels _channels = new(connection);
    private readonly SharedChannel _channelForOne = new(connection);
    private readonly SemaphoreSlim _turn = new(1, 1); // for _channelForOne
    private readonly ConcurrentDictionary<string, bool> _suspects = new(StringComparer.Ordinal);

    /// <summary>Publishes a message and waits for its confirm. Never throws.</summary>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Stops the waiting; whether the message was sent is unknown then.</param>
    /// <returns>What became of it; when cancelled, unanswered if it was on its way, and not tried if not.</returns>
    public async ValueTask<SendResult> SendAsync(OutboxMessage message, CancellationToken cancellationToken)
    {
        if (!_suspects.ContainsKey(message.Id))
        {
            return await SendAsync(message, _channels.For(message.Exchange), isAlone: false, cancellationToken).ConfigureAwait(false);
        }

        try
        {
            await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return SendResult.NotTried;
        }

        try
        {
            return await SendAsync(message, _channelForOne, isAlone: true, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _channels.DisposeAsync().ConfigureAwait(false);
        await _channelForOne.DisposeAsync().ConfigureAwait(false);
    }

    private static SendResult Describe(OutboxMessage message, in PublishResult result) => result.Outcome switch
    {
        PublishOutcome.Confirmed => SendResult.Confirmed,
        PublishOutcome.Returned => new(SendOutcome.Refused, $"No queue takes it from exchange '{message.Exchange}' with key '{message.RoutingKey}'."),
        _ => new(SendOutcome.Refused, $"A queue refused it from exchange '{message.Exchange}' with key '{message.RoutingKey}' ({result.RejectReason})."),
    };

    private async ValueTask<SendResult> SendAsync(OutboxMessage message, SharedChannel shared, bool isAlone, CancellationToken cancellationToken)
    {
        IChannel channel;
        try
        {
            channel = await shared.GetAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // Whatever it is, it is not this message's fault: the broker does not start, is not there, or refuses the topology.
            return cancellationToken.IsCancellationRequested ? SendResult.NotTried : new SendResult(SendOutcome.Unreachable, error.Message);
        }

        long begun = MessagingTelemetry.BeginMeasuring(time);
        Activity? activity = telemetry.StartPublish(
            message.Exchange, message.RoutingKey, message.Message.Properties, message.Message.Body.Length, MessagingTelemetry.ReadContext(message.Message.Headers));
        OutboxTelemetry.Sent.Add(broker);
        SendResult result;
        string? errorType = null;
        try
        {
            if (CheckMessages.IsChecked(message.Message))
            {
                // First, as when it is published at once; and again with each attempt, for nobody knows which of them arrives.
                Outgoing check = CheckMessages.CheckOf(message.Exchange, message.RoutingKey, message.Message, time.GetUtcNow());
                PublishResult checkResult = await channel.TryPublishAsync(check.Exchange, check.RoutingKey, check.Message, check.Flags, cancellationToken).ConfigureAwait(false);
                if (!checkResult.IsConfirmed)
                {
                    throw MqErrors.CheckNotTaken(check.RoutingKey, checkResult);
                }
            }

            PublishFlags flags = message.Mandatory ? PublishFlags.Mandatory : PublishFlags.None;
            PublishResult published = await channel.TryPublishAsync(
                message.Exchange, message.RoutingKey, message.Message, flags, cancellationToken).ConfigureAwait(false);
            result = Describe(message, published);
            errorType = published.IsConfirmed ? null : published.Outcome.ToString();
        }
        catch (Exception error)
        {
            result = Judge(message, channel, error, isAlone, cancellationToken);
            errorType = error is EmbeddedMqException known ? known.ReplyCode.ToString() : error.GetType().FullName;
        }

        if (isAlone && result.Outcome is SendOutcome.Confirmed or SendOutcome.Refused)
        {
            _suspects.TryRemove(message.Id, out _);
        }

        telemetry.RecordPublish(activity, message.Exchange, message.RoutingKey, begun, time, errorType);
        return result;
    }

    private SendResult Judge(OutboxMessage message, IChannel channel, Exception error, bool isAlone, CancellationToken cancellationToken)
    {
        if (error is OperationCanceledException && cancellationToken.IsCancellationRequested)
        {
            return SendResult.Unanswered;
        }

        if (error is ConnectionException or (EmbeddedMqException { IsTransient: true } and not PublishException) || !channel.Connection.IsOpen)
        {
            return new SendResult(SendOutcome.Unreachable, error.Message);
        }

        if (channel.CloseReason is { Initiator: CloseInitiator.Application })
        {
            return SendResult.NotTried;
        }

        if (channel.IsOpen || isAlone)
        {
            return new SendResult(SendOutcome.Refused, error.Message);
        }

        if (_suspects.Count >= MaxSuspects)
        {
            _suspects.Clear();
        }

        _suspects.TryAdd(message.Id, true);
        return SendResult.NotTried;
    }
}
