using System.Diagnostics;
using System.Diagnostics.Metrics;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Diagnostics;

/// <summary>Spans and measurements of one broker's typed publishers and consumers, and the trace context in message headers.</summary>
/// <param name="system">The attribute <c>messaging.system</c>.</param>
/// <param name="broker">The broker's name.</param>
/// <remarks>Thread-safe. Costs next to nothing while nobody listens.</remarks>
internal sealed class MessagingTelemetry(string system, string broker)
{
    private const string PublishOperation = "publish";
    private const string ProcessOperation = "process";

    /// <summary>It was processed now.</summary>
    internal const string OnceProcessed = "processed";

    /// <summary>It was processed before.</summary>
    internal const string OnceDuplicate = "duplicate";

    /// <summary>Its id is known with other content.</summary>
    internal const string OnceConflict = "conflict";

    /// <summary>Somebody else processes it.</summary>
    internal const string OnceBusy = "busy";

    /// <summary>Whether publishing has to write trace context into headers.</summary>
    internal static bool HasContextToPropagate => Activity.Current is not null || Telemetry.Source.HasListeners();

    /// <summary>Whether publishes are traced or measured, or carry on a trace.</summary>
    internal static bool IsPublishingWatched => Telemetry.SentMessages.Enabled || Telemetry.OperationDuration.Enabled || HasContextToPropagate;

    /// <summary>When something began, or 0 while nobody wants to know how long it takes.</summary>
    /// <param name="time">The clock.</param>
    internal static long BeginMeasuring(TimeProvider time)
        => Telemetry.OperationDuration.Enabled || Telemetry.ProcessDuration.Enabled ? time.GetTimestamp() : 0;

    /// <summary>Begins the span of a publish.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message's properties.</param>
    /// <param name="bodyBytes">The size of its body.</param>
    /// <param name="parent">The span that it belongs to; none given: the one around it.</param>
    /// <returns>The span, or <see langword="null"/> when nobody wants it.</returns>
    internal Activity? StartPublish(string exchange, string routingKey, MessageProperties message, int bodyBytes, ActivityContext parent = default)
    {
        return Telemetry.Source.HasListeners()
            ? Listeners.Start(
                (this, exchange, routingKey, message, bodyBytes, parent),
                static about => about.Item1.StartWantedPublish(about.exchange, about.routingKey, about.message, about.bodyBytes, about.parent))
            : null;
    }

    /// <summary>Begins the span of handling one message, as a child of the span that published it.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="delivery">The delivery.</param>
    /// <param name="attempt">Which attempt it is.</param>
    /// <returns>The span, or <see langword="null"/> when nobody wants it.</returns>
    internal Activity? StartProcess(string queue, in Delivery delivery, int attempt)
        => Telemetry.Source.HasListeners()
            ? Listeners.Start((this, queue, delivery, attempt), static about => about.Item1.StartWantedProcess(about.queue, about.delivery, about.attempt))
            : null;

    /// <summary>The headers with the current trace context in them; a context that is there already stays.</summary>
    /// <param name="activity">The publish's span; <see langword="null"/>: the span around it, where there is one.</param>
    /// <param name="headers">The headers.</param>
    internal static HeaderTable? WithContext(Activity? activity, HeaderTable? headers)
    {
        Activity? source = activity ?? Activity.Current;
        if (source is null || (headers is not null && headers.ContainsKey(MessageHeaders.TraceParent)))
        {
            return headers;
        }

        HeaderCarrier carrier = new(headers ?? HeaderTable.Empty);
        DistributedContextPropagator.Current.Inject(
            source, carrier, static (target, name, value) => ((HeaderCarrier)target!).Set(name, value));
        return carrier.Headers;
    }

    /// <summary>The trace context in a message's headers.</summary>
    /// <param name="headers">The headers.</param>
    internal static ActivityContext ReadContext(HeaderTable headers)
    {
        if (headers.Count == 0)
        {
            return default;
        }

        DistributedContextPropagator.Current.ExtractTraceIdAndState(headers, ReadHeader, out string? parent, out string? state);
        return ActivityContext.TryParse(parent, state, isRemote: true, out ActivityContext context) ? context : default;
    }

    /// <summary>Records a publish.</summary>
    /// <param name="activity">Its span, where there is one; ended here.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key; a dimension for the default exchange only, where it is a queue's name.</param>
    /// <param name="begun">What <see cref="BeginMeasuring"/> gave.</param>
    /// <param name="time">The clock.</param>
    /// <param name="errorType">Why it failed, of few distinct values, or <see langword="null"/>.</param>
    internal void RecordPublish(Activity? activity, string exchange, string routingKey, long begun, TimeProvider time, string? errorType)
    {
        if (Telemetry.SentMessages.Enabled || Telemetry.OperationDuration.Enabled)
        {
            TagList tags = Tags(PublishOperation, "send", exchange.Length > 0 ? exchange : TemporaryOr(routingKey), errorType);
            Add(Telemetry.SentMessages, tags);
            Record(Telemetry.OperationDuration, begun, time, tags);
        }

        End(activity, errorType);
    }

    /// <summary>Records that a handler begins.</summary>
    /// <param name="queue">The queue.</param>
    internal void RecordBegin(string queue)
    {
        if (Telemetry.ActiveHandlers.Enabled)
        {
            AddActive(queue, 1);
        }
    }

    /// <summary>Records that a handler has ended and what became of its message.</summary>
    /// <param name="activity">Its span, where there is one; ended here.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="begun">What <see cref="BeginMeasuring"/> gave.</param>
    /// <param name="time">The clock.</param>
    /// <param name="settlement">What became of the message.</param>
    /// <param name="errorType">Why it failed, of few distinct values, or <see langword="null"/>.</param>
    internal void RecordEnd(Activity? activity, string queue, long begun, TimeProvider time, string settlement, string? errorType)
    {
        if (Telemetry.ActiveHandlers.Enabled)
        {
            AddActive(queue, -1);
        }

        if (Telemetry.ConsumedMessages.Enabled || Telemetry.ProcessDuration.Enabled)
        {
            TagList tags = Tags(ProcessOperation, ProcessOperation, queue, errorType);
            Add(Telemetry.ConsumedMessages, tags);
            Record(Telemetry.ProcessDuration, begun, time, tags);
        }

        if (Telemetry.Settlements.Enabled)
        {
            Add(Telemetry.Settlements, TagsOf(queue, TelemetryTags.Settlement, settlement));
        }

        activity?.SetTag(TelemetryTags.Settlement, settlement);
        End(activity, errorType);
    }

    /// <summary>Records what an idempotent consumer found of a message.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="outcome">One of <see cref="OnceProcessed"/> and its like.</param>
    internal void RecordOnce(string queue, string outcome)
    {
        if (Telemetry.IdempotenceChecks.Enabled)
        {
            Add(Telemetry.IdempotenceChecks, TagsOf(queue, TelemetryTags.IdempotenceOutcome, outcome));
        }

        Activity.Current?.SetTag(TelemetryTags.IdempotenceOutcome, outcome);
    }

    /// <summary>Records that a consumer is started again.</summary>
    /// <param name="queue">The queue.</param>
    internal void RecordRestart(string queue)
        => Add(Telemetry.ConsumerRestarts, TagsOf(queue));

    /// <summary>Records what a consumer left when it stopped.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="remainder">Which part: <c>ready</c>, <c>returned</c> or <c>abandoned</c>.</param>
    /// <param name="messages">How many.</param>
    internal void RecordRemaining(string queue, string remainder, long messages)
        => Add(Telemetry.RemainingAtStop, TagsOf(queue, TelemetryTags.Remainder, remainder), messages);

    private static void Add(Counter<long> counter, in TagList tags, long count = 1)
        => Listeners.Tell((counter, tags, count), static reading => reading.counter.Add(reading.count, reading.tags));

    // A listener that came between begin and end finds no begin: then there is nothing to record.
    private static void Record(Histogram<double> duration, long begun, TimeProvider time, in TagList tags)
    {
        if (begun != 0)
        {
            Listeners.Tell((duration, time.GetElapsedTime(begun).TotalSeconds, tags), static reading => reading.duration.Record(reading.TotalSeconds, reading.tags));
        }
    }

    private static void ReadBaggage(HeaderTable headers, Activity activity)
    {
        foreach ((string name, string? value) in DistributedContextPropagator.Current.ExtractBaggage(headers, ReadHeader) ?? [])
        {
            activity.AddBaggage(name, value);
        }
    }

    private static void ReadHeader(object? headers, string name, out string? value, out IEnumerable<string>? values)
    {
        value = ((HeaderTable)headers!).GetValueOrDefault(name) as string;
        values = null;
    }

    // Producer: exchange:key, one of them, or amq.default (semantic conventions for RabbitMQ).
    private static string PublishDestination(string exchange, string routingKey) => (exchange.Length, routingKey.Length) switch
    {
        (0, 0) => "amq.default",
        (0, _) => routingKey,
        (_, 0) => exchange,
        _ => $"{exchange}:{routingKey}",
    };

    // Consumer: exchange:key:queue, without what is empty and without the key where it is the queue's name.
    private static string ConsumeDestination(string exchange, string routingKey, string queue)
        => string.Join(':', new[] { exchange, routingKey == queue ? "" : routingKey, queue }.Where(static part => part.Length > 0));

    // Reply names are made for one requester each; as a dimension they would grow without bound.
    private static string TemporaryOr(string queue)
        => queue.StartsWith("amq.rabbitmq.reply-to", StringComparison.Ordinal) ? "amq.rabbitmq.reply-to"
            : queue.StartsWith("amq.gen-", StringComparison.Ordinal) ? "amq.gen"
            : queue;

    private static void SetMessageTags(Activity activity, string routingKey, MessageProperties message, int bodyBytes)
    {
        if (routingKey.Length > 0)
        {
            activity.SetTag(TelemetryTags.RoutingKey, routingKey);
        }

        if (message.MessageId is not null)
        {
            activity.SetTag(TelemetryTags.MessageId, message.MessageId);
        }

        if (message.CorrelationId is not null)
        {
            activity.SetTag(TelemetryTags.ConversationId, message.CorrelationId);
        }

        activity.SetTag(TelemetryTags.BodySize, bodyBytes);
    }

    private static void End(Activity? activity, string? errorType)
    {
        if (activity is null)
        {
            return;
        }

        if (errorType is not null)
        {
            activity.SetTag(TelemetryTags.ErrorType, errorType);
            activity.SetStatus(ActivityStatusCode.Error);
        }

        Listeners.Tell(activity, static activity => activity.Dispose());
    }

    private Activity? StartWantedPublish(string exchange, string routingKey, MessageProperties message, int bodyBytes, ActivityContext parent)
    {
        // Low cardinality in the name: an exchange has many keys, a queue addressed through the default exchange is one.
        string target = exchange.Length > 0 ? exchange : routingKey;
        Activity? activity = Telemetry.Source.StartActivity(
            $"{PublishOperation} {target}",
            ActivityKind.Producer,
            parent,
            [
                new(TelemetryTags.System, system),
                new(TelemetryTags.OperationName, PublishOperation),
                new(TelemetryTags.OperationType, "send"),
                new(TelemetryTags.DestinationName, PublishDestination(exchange, routingKey)),
            ]);
        if (activity is { IsAllDataRequested: true })
        {
            SetMessageTags(activity, routingKey, message, bodyBytes);
        }

        return activity;
    }

    private Activity? StartWantedProcess(string queue, in Delivery delivery, int attempt)
    {
        string exchange = MessageOrigin.Exchange(delivery);
        string routingKey = MessageOrigin.RoutingKey(delivery);
        ActivityContext parent = ReadContext(delivery.Message.Headers);
        Activity? activity = Telemetry.Source.StartActivity(
            $"{ProcessOperation} {queue}",
            ActivityKind.Consumer,
            parent,
            [
                new(TelemetryTags.System, system),
                new(TelemetryTags.OperationName, ProcessOperation),
                new(TelemetryTags.OperationType, ProcessOperation),
                new(TelemetryTags.DestinationName, ConsumeDestination(exchange, routingKey, queue)),
            ],
            // The conventions correlate producer and consumer by a link; the parent is for tools that only follow parents.
            parent == default ? null : [new ActivityLink(parent)]);
        if (activity is { IsAllDataRequested: true })
        {
            SetMessageTags(activity, routingKey, delivery.Properties, delivery.Message.CountedBytes);
            activity.SetTag(TelemetryTags.DeliveryTag, (long)delivery.DeliveryTag);
            activity.SetTag(TelemetryTags.Attempt, attempt);
        }

        if (activity is not null)
        {
            ReadBaggage(delivery.Message.Headers, activity);
        }

        return activity;
    }

    private void AddActive(string queue, int change)
        => Listeners.Tell((change, tags: TagsOf(queue)), static reading => Telemetry.ActiveHandlers.Add(reading.change, reading.tags));

    private TagList TagsOf(string queue, string? name = null, string? value = null)
    {
        TagList tags = new() { { TelemetryTags.DestinationName, queue }, { TelemetryTags.Broker, broker } };
        if (name is not null)
        {
            tags.Add(name, value);
        }

        return tags;
    }

    private TagList Tags(string operationName, string operationType, string destination, string? errorType)
    {
        TagList tags = new()
        {
            { TelemetryTags.System, system },
            { TelemetryTags.OperationName, operationName },
            { TelemetryTags.OperationType, operationType },
            { TelemetryTags.DestinationName, destination },
            { TelemetryTags.Broker, broker },
        };
        if (errorType is not null)
        {
            tags.Add(TelemetryTags.ErrorType, errorType);
        }

        return tags;
    }

    // A header table is immutable, and the propagator wants something to write to.
    private sealed class HeaderCarrier(HeaderTable headers)
    {
        public HeaderTable Headers { get; private set; } = headers;

        public void Set(string name, string value) => Headers = Headers.With(name, value);
    }
}
