using EmbeddedMq.Errors;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>What value each argument may have. A rule answers with RabbitMQ's reason, an Erlang term, or <see langword="null"/> for a valid value.</summary>
/// <remarks>Source: RabbitMQ, rabbit_amqqueue:declare_args and its checks; the order of the rules is the order of its checks.</remarks>
internal static class QueueArgumentRules
{
    /// <summary>The longest time to live and expiry, as of a message's own expiration.</summary>
    internal const long MaxDurationMs = Expiration.MaxMs;

    private const string AdviceOfDuration = "Give milliseconds as an integer, at most 315360000000 (ten years).";
    private const string AdviceOfCount = "Give an integer of 0 or more.";
    private const string AdviceOfText = "Give a string.";
    private const string AdviceOfMode = "Give default or lazy, or leave it out: it has no effect.";
    private const string AdviceOfGroupSize = "Give an integer of 1 or more, or leave it out: it has no effect within one process.";
    private const string AdviceOfLocator = "Give client-local or balanced, or leave it out: it has no effect within one process.";

    /// <summary>One rule.</summary>
    /// <param name="Argument">The argument that it is about.</param>
    /// <param name="FindFault">From the value and all arguments to the reason why it is invalid.</param>
    /// <param name="Advice">What values are valid.</param>
    internal readonly record struct Rule(string Argument, Func<object?, HeaderTable, string?> FindFault, string Advice);

    /// <summary>The rule of <c>x-queue-type</c>, which is checked before all others since it decides which of them count.</summary>
    internal static Rule OfQueueType { get; } = new(
        QueueArgument.QueueType,
        static (value, _) => FaultOfName(value, static name => name is "classic" or "quorum", static name => $"\"unsupported queue type '{name}'\""),
        "Give classic or quorum. Streams and other types are not offered.");

    /// <summary>The other rules, in the order of RabbitMQ's checks.</summary>
    internal static IReadOnlyList<Rule> All { get; } =
    [
        new(QueueArgument.Expires, static (value, _) => FaultOfExpires(value), AdviceOfDuration),
        new(QueueArgument.MessageTtl, static (value, _) => FaultOfDuration(value), AdviceOfDuration),
        new(QueueArgument.DeadLetterExchange, static (value, _) => FaultOfText(value), AdviceOfText),
        new(QueueArgument.DeadLetterRoutingKey, FaultOfDeadLetterRoutingKey, "Give a string, and x-dead-letter-exchange with it."),
        new(KnownQueueArguments.DeadLetterStrategy, static (value, _) => FaultOfName(
            value, static name => name is "at-most-once" or "at-least-once", static _ => "invalid_dlx_strategy"), "Give at-most-once or at-least-once."),
        new(QueueArgument.MaxLength, static (value, _) => FaultOfCount(value), AdviceOfCount),
        new(QueueArgument.MaxLengthBytes, static (value, _) => FaultOfCount(value), AdviceOfCount),
        new(KnownQueueArguments.MaxInMemoryLength, static (value, _) => FaultOfCount(value), AdviceOfCount),
        new(KnownQueueArguments.MaxInMemoryBytes, static (value, _) => FaultOfCount(value), AdviceOfCount),
        new(QueueArgument.MaxPriority, static (value, _) => FaultOfMaxPriority(value), "Give an integer from 0 to 255."),
        new(QueueArgument.Overflow, static (value, _) => FaultOfName(
            value, OverflowNames.IsKnown, static _ => "invalid_overflow"), $"Give {OverflowNames.All}."),
        new(KnownQueueArguments.QueueMode, static (value, _) => FaultOfName(
            value, static name => name is "default" or "lazy", static name => $"\"unsupported queue mode '{name}'\""), AdviceOfMode),
        new(KnownQueueArguments.QueueVersion, static (value, _) => FaultOfQueueVersion(value), "Give 1 or 2, or leave it out: it has no effect."),
        new(QueueArgument.SingleActiveConsumer, static (value, _) => value is bool ? null : Unacceptable(value), "Give true or false."),
        new(KnownQueueArguments.QuorumInitialGroupSize, static (value, _) => FaultOfGroupSize(value), AdviceOfGroupSize),
        new(KnownQueueArguments.QueueLeaderLocator, static (value, _) => FaultOfName(
            value, static name => name is "client-local" or "balanced" or "random" or "least-leaders", static _ => "invalid_queue_locator_arg"),
            AdviceOfLocator),
        new(QueueArgument.DeliveryLimit, static (value, _) => FaultOfInteger(value), "Give an integer; a negative one means no limit."),
    ];

    private static string? FaultOfInteger(object? value)
        => HeaderTable.TryGetInteger(value, out _) ? null : $"\"expected integer, got {ErlangTerm.TypeOf(value)}\"";

    private static string? FaultOfCount(object? value)
        => FaultOfInteger(value) ?? (Integer(value) < 0 ? $"{{value_negative,{Integer(value)}}}" : null);

    private static string? FaultOfDuration(object? value)
        => FaultOfCount(value) ?? (Integer(value) > MaxDurationMs ? $"{{value_too_large,{Integer(value)}}}" : null);

    private static string? FaultOfExpires(object? value)
        => FaultOfDuration(value) ?? (Integer(value) == 0 ? "{value_zero,0}" : null);

    private static string? FaultOfGroupSize(object? value)
        => FaultOfCount(value) ?? (Integer(value) == 0 ? "{value_zero,0}" : null);

    private static string? FaultOfMaxPriority(object? value)
        => FaultOfCount(value) ?? (Integer(value) > 255 ? $"{{max_value_exceeded,{Integer(value)}}}" : null);

    private static string? FaultOfQueueVersion(object? value)
        => FaultOfCount(value) ?? (Integer(value) is 1 or 2 ? null : $"\"unsupported queue version '{Integer(value)}'\"");

    private static string? FaultOfText(object? value) => value is string ? null : Unacceptable(value);

    private static string? FaultOfDeadLetterRoutingKey(object? value, HeaderTable arguments)
        => FaultOfText(value) ?? (arguments.ContainsKey(QueueArgument.DeadLetterExchange) ? null : "routing_key_but_no_dlx_defined");

    private static string? FaultOfName(object? value, Func<string, bool> isKnown, Func<string, string> reason)
        => value is not string name ? Unacceptable(value) : isKnown(name) ? null : reason(name);

    private static string Unacceptable(object? value) => $"{{unacceptable_type,{ErlangTerm.TypeOf(value)}}}";

    private static long Integer(object? value)
    {
        HeaderTable.TryGetInteger(value, out long number);
        return number;
    }
}
