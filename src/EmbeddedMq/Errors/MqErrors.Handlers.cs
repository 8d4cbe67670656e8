namespace EmbeddedMq.Errors;

/// <content>Errors of typed publishing and consuming. What is a mistake in the application's code is the BCL's InvalidOperationException.</content>
internal static partial class MqErrors
{
    /// <summary>A retry, defer or dead-letter copy was returned or rejected.</summary>
    internal static PublishException CopyNotTaken(string queue, string exchange, string routingKey, PublishResult result)
        => new(
            result,
            ReplyText(result.ReplyCode, $"a copy of a message of queue '{queue}' was {(result.Outcome == PublishOutcome.Returned ? "returned" : "rejected")}"),
            $"No queue took it from exchange '{exchange}' with key '{routingKey}'. Declare a queue for it, or make room in it",
            exchange,
            routingKey);

    /// <summary>Something is published after the end of the bus.</summary>
    internal static ObjectDisposedException BusEnded(string connection)
        => new(nameof(MessageBus), $"The message bus of connection '{connection}' has ended, with its host or because it was disposed. Publish before that: in a hosted service's StopAsync at the latest.");

    /// <summary>A handler answers a request with null.</summary>
    internal static InvalidOperationException NullAnswer(string queue, Type type)
        => new($"The handler of queue '{queue}' answered a request with null, which no message can be. Answer with an object that says so.");

    /// <summary>The answer to a request is there and cannot be read.</summary>
    internal static InvalidOperationException UnreadableAnswer(string exchange, string routingKey, Type type, Exception cause)
        => new($"The answer to the request to exchange '{exchange}' with key '{routingKey}' cannot be read as {type}: {cause.Message} Ask for the type that the handler answers with.", cause);

    /// <summary>A type is published that has no route, without saying where to.</summary>
    internal static InvalidOperationException NoRouteForType(Type type)
        => new($"Nothing says where messages of type {type} go. Add mq.Publish<{type.Name}>(p => p.To(…)) to the registration, or pass PublishOptions with an exchange.");

    /// <summary>A message is settled a second time.</summary>
    internal static InvalidOperationException AlreadySettled(string queue, string? messageId)
        => new($"Message '{messageId}' of queue '{queue}' is settled already. Settle it once, as the last step of its handler.");

    /// <summary>A handler answers a message that names no place for an answer.</summary>
    internal static InvalidOperationException NoReplyTo(string queue, string? messageId)
        => new($"Message '{messageId}' of queue '{queue}' has no reply-to, so nobody can be answered. Send it with IPublisher.RequestAsync, or set PublishOptions.ReplyTo.");

    /// <summary>A handler wants services where there are none.</summary>
    internal static InvalidOperationException NoServices(string queue)
        => new($"The consumer of queue '{queue}' was started without services, so none can be resolved for its handler. Consume with a function, or pass a provider to MessageBus.StartAsync.");

    /// <summary>A handler class cannot be made of the application's services.</summary>
    internal static string HandlerNotToBeMade(Type handler, string queue, Type? asking, Type missing, object? key)
        => asking is null
            ? $"Handler {handler} of queue '{queue}' is not among the application's services. Register it: services.AddTransient<{handler.Name}>()."
            : $"Handler {handler} of queue '{queue}' cannot be made: the constructor of {asking} asks for {missing}{(key is null ? "" : $" with key '{key}'")}, " +
              "which is not among the application's services. Register it.";

    /// <summary>A message of one published type is in a queue that is consumed as another one.</summary>
    internal static InvalidOperationException OtherType(string queue, Type consumed, string name, Type published)
        => new(
            $"The message has the type '{name}', which is what this application publishes {published} as, and queue '{queue}' is consumed as {consumed}. " +
            "Give each of them a queue of its own, or consume a class that is not published itself.");

    /// <summary>A JSON body is literally null.</summary>
    internal static InvalidOperationException NullBody(Type type)
        => new($"The body stands for null, and a message of type {type} cannot be null.");

    /// <summary>The JSON serializer has no contract for a type.</summary>
    internal static InvalidOperationException NoJsonContract(Type type, string? contexts, Exception? innerException)
        => new(
            contexts is null
                ? $"There is no JSON contract for type {type}, and reflection is turned off. Put [JsonSerializable(typeof({type.Name}))] on a JsonSerializerContext and register it with mq.UseJson(YourContext.Default)."
                : $"There is no JSON contract for type {type} in {contexts}. Put [JsonSerializable(typeof({type.Name}))] on it.",
            innerException);

    /// <summary>The JSON serializer cannot make objects of a type that is consumed.</summary>
    internal static InvalidOperationException NotToBeMade(Type type)
        => new(
            $"Messages cannot be read as {type}, which is {(type.IsInterface ? "an interface" : "an abstract class")}: JSON does not say which class to make. " +
            $"Consume the class that is published, or put [JsonDerivedType(typeof(YourClass), \"name\")] on {type.Name} and publish as {type.Name}.");

    /// <summary>No answer to a request came in time.</summary>
    internal static TimeoutException RequestTimedOut(string exchange, string routingKey, TimeSpan timeout)
        => new($"No answer came within {timeout} to the request to exchange '{exchange}' with key '{routingKey}'. See whether its consumer runs and keeps up, or allow more time.");

    /// <summary>The channel that the answer would have come on was lost.</summary>
    internal static ChannelException ReplyChannelLost(string exchange, string routingKey, string reason)
        => new(
            ReplyCode.ChannelError,
            ReplyText(ReplyCode.ChannelError, $"the channel for the answer to the request to exchange '{exchange}' with key '{routingKey}' closed: {reason}"),
            "The request may have been handled. Send it again if that does no harm",
            exchange,
            isTransient: true);
}
