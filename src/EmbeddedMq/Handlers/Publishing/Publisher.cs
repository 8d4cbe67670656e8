using System.Collections.Frozen;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Configuration;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Publishes objects over a connection of its own, with a channel for each exchange.</summary>
/// <remarks>Thread-safe.</remarks>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "It is: see CloseAsync.")]
internal sealed class Publisher : IPublisher
{
    private readonly FrozenDictionary<Type, PublishRoute> _routes;
    private readonly IMessageSerializer _serializer;
    private readonly string _checkQueue;
    private readonly TimeProvider _time;
    private readonly MessagingTelemetry _telemetry;
    private readonly MessageBusOptions _options;
    private readonly RequestChannel _requests;
    private readonly MessageIds _ids = new();
    private readonly ExchangeChannels _channels;

    /// <summary>Makes a publisher; nothing is opened before the first publish.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="plan">The routes.</param>
    /// <param name="serializer">Writes bodies.</param>
    /// <param name="options">Settings.</param>
    /// <param name="time">The clock.</param>
    /// <param name="telemetry">Spans and measurements.</param>
    /// <param name="logger">The log.</param>
    public Publisher(
        BusConnection connection, BusPlan plan, IMessageSerializer serializer, MessageBusOptions options, TimeProvider time, MessagingTelemetry telemetry, ILogger logger)
    {
        _channels = new ExchangeChannels(connection);
        _routes = plan.Routes;
        _serializer = serializer;
        _checkQueue = plan.Checks.Queue;
        _options = options;
        _time = time;
        _telemetry = telemetry;
        _requests = new RequestChannel(connection, time, logger);
    }

    /// <inheritdoc/>
    public ValueTask PublishAsync<T>(T message, PublishOptions? options = null, CancellationToken cancellationToken = default)
        => SendAsync(Prepare(message, options), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<PublishResult> TryPublishAsync<T>(T message, PublishOptions? options = null, CancellationToken cancellationToken = default)
    {
        Outgoing outgoing = Prepare(message, options);
        if (CheckMessages.IsChecked(outgoing.Message))
        {
            PublishResult check = await TrySendAsync(CheckOf(outgoing), cancellationToken).ConfigureAwait(false);
            if (!check.IsConfirmed)
            {
                return check;
            }
        }

        return await TrySendAsync(outgoing, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<TResponse> RequestAsync<TRequest, TResponse>(
        TRequest request, TimeSpan? timeout = null, PublishOptions? options = null, CancellationToken cancellationToken = default)
    {
        TimeSpan limit = timeout ?? _options.RequestTimeout;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero, nameof(timeout));
        string correlationId = NewId();
        PublishOptions effective = (options ?? new PublishOptions()) with
        {
            CorrelationId = correlationId,
            ReplyTo = RequestChannel.ReplyQueue,
            Mandatory = true,
            TimeToLive = options?.TimeToLive ?? limit,
        };
        Outgoing outgoing = Unchecked(Prepare(request, effective));
        long begun = MessagingTelemetry.BeginMeasuring(_time);
        Activity? activity = Begin(ref outgoing);
        string? errorType = null;
        try
        {
            Message reply = await _requests.RequestAsync(outgoing, correlationId, limit, cancellationToken).ConfigureAwait(false);
            ThrowIfFault(reply, outgoing);
            return ReadAnswer<TResponse>(reply, outgoing);
        }
        catch (Exception error)
        {
            errorType = ErrorTypeOf(error);
            throw;
        }
        finally
        {
            End(activity, outgoing, begun, errorType);
        }
    }

    /// <summary>Publishes a prepared message, after its check if it has one, and waits until the broker has taken responsibility for it.</summary>
    /// <param name="outgoing">The message.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="PublishException">Rejected, or mandatory and returned as unroutable.</exception>
    /// <remarks>The usual way has no state machine: an open channel, no check, nobody who watches, and a confirm that is there at once or comes by itself.</remarks>
    internal ValueTask SendAsync(in Outgoing outgoing, CancellationToken cancellationToken)
    {
        if (MessagingTelemetry.IsPublishingWatched || CheckMessages.IsChecked(outgoing.Message) || !_channels.For(outgoing.Exchange).TryGet(out IChannel? channel))
        {
            return SendWatchedAsync(outgoing, cancellationToken);
        }

        try
        {
            ValueTask<ulong> publish = channel.PublishAsync(outgoing.Exchange, outgoing.RoutingKey, outgoing.Message, outgoing.Flags, cancellationToken);
            if (publish.IsCompletedSuccessfully)
            {
                publish.GetAwaiter().GetResult();
                return ValueTask.CompletedTask;
            }

            return WaitAsync(publish);
        }
        catch (Exception error)
        {
            return ValueTask.FromException(error);
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        static async ValueTask WaitAsync(ValueTask<ulong> publish) => await publish.ConfigureAwait(false);
    }

    /// <summary>Makes of an object what somebody keeps before it is published, an outbox or a handler whose message is to take effect once: its body is written
    /// in any case.</summary>
    /// <typeparam name="T">The type, by which the route is found.</typeparam>
    /// <param name="message">The object.</param>
    /// <param name="options">What differs from the route.</param>
    /// <param name="usualId">Its id where nothing says one; <see langword="null"/>: a new one.</param>
    /// <exception cref="InvalidOperationException">There is no route for the type, or the serializer does not know it.</exception>
    internal Outgoing PrepareToKeep<T>(T message, PublishOptions? options, string? usualId = null)
    {
        Outgoing outgoing = Prepare(message, options, usualId);
        Message kept = outgoing.Message;
        return kept.LazyBody is null ? outgoing : outgoing with { Message = Message.TakeOwnership(kept.Body, kept.Properties) };
    }

    // Where to, properties, body.
    private Outgoing Prepare<T>(T message, PublishOptions? options, string? usualId = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        PublishRoute<T> route = _routes.TryGetValue(typeof(T), out PublishRoute? known) ? (PublishRoute<T>)known : PublishRoute<T>.Unrouted;
        string exchange = options?.Exchange ?? route.Exchange ?? throw MqErrors.NoRouteForType(typeof(T));
        string routingKey = options?.RoutingKey ?? route.RoutingKeyOf?.Invoke(message) ?? route.RoutingKey;
        bool mandatory = options?.Mandatory ?? route.Mandatory ?? exchange.Length == 0;
        HeaderTable? headers = WithoutPast(options?.Headers);
        foreach ((string name, Func<T, object?> value) in route.Headers)
        {
            if (headers is null || !headers.ContainsKey(name))
            {
                headers = (headers ?? HeaderTable.Empty).With(name, value(message));
            }
        }

        MessageProperties properties = new()
        {
            ContentType = _serializer.ContentType,
            Type = options?.Type ?? route.TypeName,
            MessageId = options?.MessageId ?? route.MessageIdOf?.Invoke(message) ?? usualId ?? NewId(),
            CorrelationId = options?.CorrelationId ?? route.CorrelationIdOf?.Invoke(message),
            ReplyTo = options?.ReplyTo,
            Timestamp = _time.GetUtcNow(),
            Priority = options?.Priority ?? route.Priority,
            DeliveryMode = options?.Persistent ?? route.Persistent ? DeliveryMode.Persistent : DeliveryMode.Transient,
            Headers = route.CheckDelay is { } delay ? CheckMessages.Mark(headers, _checkQueue, delay, attempt: 1) : CheckMessages.Unmark(headers),
        };
        if ((options?.TimeToLive ?? route.TimeToLive) is { } timeToLive)
        {
            properties = properties.WithTimeToLive(timeToLive);
        }

        Message outgoing = route.ReferenceBytes is { } countedBytes
            ? Message.Lazy(new ReferenceBody<T>(message, _serializer, countedBytes), properties)
            : Message.TakeOwnership(BodyWriter.Write(_serializer, message), properties);
        return new Outgoing(exchange, routingKey, outgoing, mandatory ? PublishFlags.Mandatory : PublishFlags.None);
    }

    /// <summary>Answers a request.</summary>
    /// <typeparam name="T">The answer's type.</typeparam>
    /// <param name="request">The request's properties.</param>
    /// <param name="response">The answer.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Returned, when whoever asked is gone.</returns>
    internal ValueTask<PublishResult> ReplyAsync<T>(MessageProperties request, T response, CancellationToken cancellationToken)
        => TrySendAsync(Unchecked(Prepare(response, ReplyOptions(request))), cancellationToken);

    /// <summary>Tells the sender of a request that it failed.</summary>
    /// <param name="request">The request's properties.</param>
    /// <param name="errorType">The error's type.</param>
    /// <param name="errorMessage">Its message.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Returned, when whoever asked is gone.</returns>
    internal ValueTask<PublishResult> ReplyFaultAsync(MessageProperties request, string errorType, string errorMessage, CancellationToken cancellationToken)
    {
        MessageProperties properties = new()
        {
            MessageId = NewId(),
            CorrelationId = request.CorrelationId ?? request.MessageId,
            Timestamp = _time.GetUtcNow(),
            DeliveryMode = DeliveryMode.Transient,
            Headers = HeaderTable.Of(MessageHeaders.Fault, errorType).With(MessageHeaders.ErrorMessage, Consuming.Forwarder.Cut(errorMessage)),
        };
        Message fault = Message.TakeOwnership(ReadOnlyMemory<byte>.Empty, properties);
        return TrySendAsync(new Outgoing("", request.ReplyTo!, fault, PublishFlags.Mandatory), cancellationToken);
    }

    /// <summary>A message that is stored or published by somebody else, after its check if it has one.</summary>
    /// <param name="message">The message.</param>
    internal IEnumerable<OutboxMessage> WithCheck(OutboxMessage message)
    {
        if (CheckMessages.IsChecked(message.Message))
        {
            Outgoing check = CheckMessages.CheckOf(message.Exchange, message.RoutingKey, message.Message, _time.GetUtcNow());
            yield return ToStored(check);
        }

        yield return message;
    }

    /// <summary>Makes of a message without an id one that is stored or published by somebody else.</summary>
    /// <param name="outgoing">The message.</param>
    internal OutboxMessage ToStored(in Outgoing outgoing)
    {
        string id = NewId();
        return new OutboxMessage
        {
            Id = id,
            Exchange = outgoing.Exchange,
            RoutingKey = outgoing.RoutingKey,
            Message = outgoing.Message.WithProperties(outgoing.Message.Properties with { MessageId = id }),
            Mandatory = outgoing.Flags.HasFlag(PublishFlags.Mandatory),
        };
    }

    /// <summary>Sends a message again that nobody has confirmed to have processed, and has it checked again.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="message">The message.</param>
    /// <param name="check">The check that found no confirmation.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal ValueTask ResendAsync<T>(T message, CheckMessage check, CancellationToken cancellationToken)
    {
        MessageCheck earlier = check.Check!;
        PublishOptions options = new()
        {
            Exchange = earlier.Exchange,
            RoutingKey = earlier.RoutingKey,
            MessageId = earlier.MessageId,
            Type = earlier.MessageType,
        };
        Outgoing outgoing = Prepare(message, options);
        MessageProperties properties = outgoing.Message.Properties;
        HeaderTable headers = CheckMessages.Mark(properties.Headers, check.Queue, check.Delay, earlier.Attempt + 1);
        return SendAsync(outgoing with { Message = outgoing.Message.WithProperties(properties with { Headers = headers }) }, cancellationToken);
    }

    /// <summary>Asks a producer in another process about a message that nobody has confirmed to have processed.</summary>
    /// <param name="queue">The queue that it answers.</param>
    /// <param name="check">The check that found no confirmation.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Whether it has sent the message again.</returns>
    internal async ValueTask<bool> AskAsync(string queue, CheckMessage check, CancellationToken cancellationToken)
    {
        string correlationId = NewId();
        Outgoing question = CheckMessages.QuestionOf(queue, check, _time.GetUtcNow());
        MessageProperties properties = question.Message.Properties with { MessageId = NewId(), CorrelationId = correlationId, ReplyTo = RequestChannel.ReplyQueue };
        question = question with { Message = question.Message.WithProperties(properties.WithTimeToLive(_options.RequestTimeout)) };
        Message reply = await _requests.RequestAsync(question, correlationId, _options.RequestTimeout, cancellationToken).ConfigureAwait(false);
        ThrowIfFault(reply, question);
        object? answer = reply.Headers.GetValueOrDefault(MessageHeaders.CheckOutcome);
        return answer is CheckMessages.Resent || (answer is CheckMessages.Settled ? false : throw MqErrors.UnknownCheckAnswer(queue, answer));
    }

    /// <summary>Closes its channels. Not Dispose: a container that hands it out must not think that it owns it.</summary>
    internal async ValueTask CloseAsync()
    {
        await _requests.DisposeAsync().ConfigureAwait(false);
        await _channels.DisposeAsync().ConfigureAwait(false);
    }

    private static PublishOptions ReplyOptions(MessageProperties request) => new()
    {
        Exchange = "",
        RoutingKey = request.ReplyTo,
        CorrelationId = request.CorrelationId ?? request.MessageId,
        Mandatory = true,
        Persistent = false,
    };

    // An application that passes a message's headers on does not pass on how often that one has failed, and where it came from.
    private static HeaderTable? WithoutPast(HeaderTable? headers)
        => headers?.Without(MessageHeaders.FailedAttempts).Without(MessageHeaders.OriginalExchange).Without(MessageHeaders.OriginalRoutingKey);

    // An error's type is of few distinct values; a reply code says more than the type that carries it.
    private static string ErrorTypeOf(Exception error)
        => error is EmbeddedMqException known ? known.ReplyCode.ToString() : error.GetType().FullName!;

    /// <summary>Publishes a message that is ready to go.</summary>
    /// <param name="outgoing">The message.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>What became of it.</returns>
    internal async ValueTask<PublishResult> TrySendAsync(Outgoing outgoing, CancellationToken cancellationToken)
    {
        IChannel channel = await _channels.For(outgoing.Exchange).GetAsync(cancellationToken).ConfigureAwait(false);
        long begun = MessagingTelemetry.BeginMeasuring(_time);
        Activity? activity = Begin(ref outgoing);
        string? errorType = null;
        try
        {
            PublishResult result = await channel.TryPublishAsync(
                outgoing.Exchange, outgoing.RoutingKey, outgoing.Message, outgoing.Flags, cancellationToken).ConfigureAwait(false);
            errorType = result.IsConfirmed ? null : result.Outcome.ToString();
            return result;
        }
        catch (Exception error)
        {
            errorType = ErrorTypeOf(error);
            throw;
        }
        finally
        {
            End(activity, outgoing, begun, errorType);
        }
    }

    // The span begins when the message is ready to go, and its context travels in the headers.
    private Activity? Begin(ref Outgoing outgoing)
    {
        if (!MessagingTelemetry.HasContextToPropagate)
        {
            return null;
        }

        Message message = outgoing.Message;
        Activity? activity = _telemetry.StartPublish(outgoing.Exchange, outgoing.RoutingKey, message.Properties, message.CountedBytes);
        HeaderTable? headers = MessagingTelemetry.WithContext(activity, message.Properties.Headers);
        if (!ReferenceEquals(headers, message.Properties.Headers))
        {
            outgoing = outgoing with { Message = message.WithProperties(message.Properties with { Headers = headers }) };
        }

        return activity;
    }

    private void End(Activity? activity, in Outgoing outgoing, long begun, string? errorType)
        => _telemetry.RecordPublish(activity, outgoing.Exchange, outgoing.RoutingKey, begun, _time, errorType);

    private async ValueTask SendWatchedAsync(Outgoing outgoing, CancellationToken cancellationToken)
    {
        if (CheckMessages.IsChecked(outgoing.Message))
        {
            await PublishCheckAsync(outgoing, cancellationToken).ConfigureAwait(false);
        }

        IChannel channel = await _channels.For(outgoing.Exchange).GetAsync(cancellationToken).ConfigureAwait(false);
        long begun = MessagingTelemetry.BeginMeasuring(_time);
        Activity? activity = Begin(ref outgoing);
        string? errorType = null;
        try
        {
            await channel.PublishAsync(outgoing.Exchange, outgoing.RoutingKey, outgoing.Message, outgoing.Flags, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            errorType = ErrorTypeOf(error);
            throw;
        }
        finally
        {
            End(activity, outgoing, begun, errorType);
        }
    }

    // The check first: if the process dies between the two, somebody asks for a message that was not sent, rather than nobody for one that was.
    private async ValueTask PublishCheckAsync(Outgoing outgoing, CancellationToken cancellationToken)
    {
        Outgoing check = CheckOf(outgoing);
        PublishResult result = await TrySendAsync(check, cancellationToken).ConfigureAwait(false);
        if (!result.IsConfirmed)
        {
            throw MqErrors.CheckNotTaken(check.RoutingKey, result);
        }
    }

    private static Outgoing Unchecked(Outgoing outgoing) => CheckMessages.IsChecked(outgoing.Message)
        ? outgoing with { Message = outgoing.Message.WithProperties(outgoing.Message.Properties with { Headers = CheckMessages.Unmark(outgoing.Message.Headers) }) }
        : outgoing;

    private static void ThrowIfFault(Message reply, in Outgoing request)
    {
        if (reply.Headers.GetValueOrDefault(MessageHeaders.Fault) is string fault)
        {
            string target = request.Exchange.Length > 0 ? request.Exchange : request.RoutingKey;
            throw new RequestFaultException(fault, reply.Headers.GetValueOrDefault(MessageHeaders.ErrorMessage) as string ?? "", target);
        }
    }

    private TResponse ReadAnswer<TResponse>(Message reply, in Outgoing request)
    {
        try
        {
            return BodyReader.Read<TResponse>(_serializer, reply) ?? throw MqErrors.NullBody(typeof(TResponse));
        }
        catch (Exception error)
        {
            throw MqErrors.UnreadableAnswer(request.Exchange, request.RoutingKey, typeof(TResponse), error);
        }
    }

    private Outgoing CheckOf(in Outgoing outgoing) => CheckMessages.CheckOf(outgoing.Exchange, outgoing.RoutingKey, outgoing.Message, _time.GetUtcNow());

    private string NewId() => _ids.Next();
}
