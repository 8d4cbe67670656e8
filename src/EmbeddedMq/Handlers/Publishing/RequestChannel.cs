using System.Collections.Concurrent;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Sends requests and takes their replies on one channel, as RabbitMQ's direct reply-to demands.</summary>
/// <param name="connection">The connection.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
/// <remarks>Thread-safe. Opened with the first request, and again after its channel was lost; requests that waited on a lost one fail.</remarks>
internal sealed class RequestChannel(BusConnection connection, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>The pseudo-queue of direct reply-to.</summary>
    internal const string ReplyQueue = "amq.rabbitmq.reply-to";

    private readonly SemaphoreSlim _opening = new(1, 1);
    private volatile Session? _session; // written under _opening
    private volatile bool _isDisposed;

    /// <summary>Sends a request and waits for its reply.</summary>
    /// <param name="request">The request, with reply-to and correlation id set.</param>
    /// <param name="correlationId">Its correlation id.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The reply.</returns>
    /// <exception cref="TimeoutException">None came in time.</exception>
    /// <exception cref="ChannelException">The channel was lost first.</exception>
    public async ValueTask<Message> RequestAsync(Outgoing request, string correlationId, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = new(timeout, time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            // A connection that is being recovered may take longer than this request may.
            Session session = _session is { IsOpen: true } current ? current : await OpenAsync(either.Token).ConfigureAwait(false);
            return await RequestAsync(session, request, correlationId, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw MqErrors.RequestTimedOut(request.Exchange, request.RoutingKey, timeout);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        await _opening.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_session is { } session)
            {
                await session.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    private static async ValueTask<Message> RequestAsync(Session session, Outgoing request, string correlationId, CancellationToken cancellationToken)
    {
        TaskCompletionSource<Message> reply = new(TaskCreationOptions.RunContinuationsAsynchronously);
        session.Pending[correlationId] = reply;
        try
        {
            await session.Channel.PublishAsync(request.Exchange, request.RoutingKey, request.Message, request.Flags, cancellationToken).ConfigureAwait(false);
            if (session.EndReason is not null)
            {
                // The session ended between the two, and may not have seen this request among those that it failed.
                throw new ReplyLostException();
            }

            return await reply.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ReplyLostException)
        {
            throw MqErrors.ReplyChannelLost(request.Exchange, request.RoutingKey, session.EndReason ?? "lost");
        }
        finally
        {
            session.Pending.TryRemove(correlationId, out _);
        }
    }

    private async ValueTask<Session> OpenAsync(CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isDisposed)
            {
                throw MqErrors.BusEnded(connection.Name);
            }

            if (_session is { IsOpen: true } current)
            {
                return current;
            }

            if (_session is { } old)
            {
                await old.DisposeAsync().ConfigureAwait(false);
            }

            IConnection open = await connection.GetAsync(cancellationToken).ConfigureAwait(false);
            IChannel channel = await open.OpenChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            try
            {
                IConsumer consumer = await channel.StartConsumerAsync(ReplyQueue, new ConsumerOptions { AutoAck = true }, cancellationToken).ConfigureAwait(false);
                Session session = new(channel, consumer, logger);
                _session = session;
                return session;
            }
            catch
            {
                await channel.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    // Told to a waiting request by its session; it never leaves this class.
    private sealed class ReplyLostException : Exception;

    /// <summary>One channel with its consumer of replies and the requests that wait on it.</summary>
    private sealed class Session : IAsyncDisposable
    {
        private readonly IConsumer _consumer;
        private readonly ILogger _logger;
        private readonly Task _reading;
        private volatile string? _endReason;

        public Session(IChannel channel, IConsumer consumer, ILogger logger)
        {
            Channel = channel;
            _consumer = consumer;
            _logger = logger;
            _reading = Detached.Run(ReadAsync);
        }

        public IChannel Channel { get; }

        public ConcurrentDictionary<string, TaskCompletionSource<Message>> Pending { get; } = new(StringComparer.Ordinal);

        /// <summary>Why no more replies come, or <see langword="null"/> while they do.</summary>
        public string? EndReason => _endReason;

        public bool IsOpen => Channel.IsOpen && _endReason is null;

        public async ValueTask DisposeAsync()
        {
            await Channel.DisposeAsync().ConfigureAwait(false);
            await _reading.ConfigureAwait(false);
        }

        private async Task ReadAsync()
        {
            string reason = "the publisher was disposed";
            try
            {
                await foreach (Delivery reply in _consumer.ReadAllAsync().ConfigureAwait(false))
                {
                    Take(reply);
                }
            }
            catch (Exception error)
            {
                reason = error.Message;
            }

            _endReason = Channel.CloseReason is { IsNormal: false } close ? close.ToString() : reason;
            TaskCompletionSource<Message>[] waiting = [.. Pending.Values];
            if (waiting.Length > 0)
            {
                Log.ReplyChannelLost(_logger, _endReason, waiting.Length);
            }

            foreach (TaskCompletionSource<Message> request in waiting)
            {
                request.TrySetException(new ReplyLostException());
            }
        }

        private void Take(in Delivery reply)
        {
            string? correlationId = reply.Properties.CorrelationId;
            if (correlationId is not null && Pending.TryRemove(correlationId, out TaskCompletionSource<Message>? request))
            {
                request.TrySetResult(reply.Message);
            }
            else
            {
                Log.ReplyUnexpected(_logger, correlationId);
            }
        }
    }
}
