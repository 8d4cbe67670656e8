using EmbeddedMq.Errors;

namespace EmbeddedMq.Queues;

/// <summary>Reads the arguments of a queue's declaration.</summary>
/// <remarks>
/// Pure. For a queue that does not exist yet: a declaration of one that exists is only compared, by <see cref="QueueEquivalence"/>, and its
/// arguments are not validated. Source: RabbitMQ, rabbit_channel (queue.declare) and rabbit_amqqueue:check_declare_arguments.
/// </remarks>
internal static class QueueArguments
{
    /// <summary>The kind of queue that a declaration asks for. An invalid <c>x-queue-type</c> counts as classic; <see cref="Parse"/> refuses it.</summary>
    /// <param name="declaration">The declaration.</param>
    internal static QueueKind KindOf(QueueDeclaration declaration)
        => declaration.Arguments.GetValueOrDefault(QueueArgument.QueueType) is "quorum" ? QueueKind.Quorum : QueueKind.Classic;

    /// <summary>Whether the broker may make up the queue's name. Ask before making it up, with the name still empty.</summary>
    /// <param name="declaration">The declaration.</param>
    /// <returns>The error to throw, or <see langword="null"/>.</returns>
    internal static ChannelException? FindFaultOfServerName(QueueDeclaration declaration)
        => KindOf(declaration) == QueueKind.Quorum ? MqErrors.ServerNamedQuorumQueue() : null;

    /// <summary>Validates a declaration and reads its settings.</summary>
    /// <param name="virtualHost">The virtual host, for error texts.</param>
    /// <param name="declaration">The declaration, with the queue's final name.</param>
    /// <exception cref="ChannelException">406: an argument or property is not valid.</exception>
    internal static QueueSettings Parse(string virtualHost, QueueDeclaration declaration)
    {
        if (FindFault(virtualHost, declaration) is { } fault)
        {
            throw fault;
        }

        HeaderTable arguments = declaration.Arguments;
        if (arguments.Count == 0)
        {
            return QueueSettings.Default; // one for all of very many queues
        }

        QueueKind kind = KindOf(declaration);
        string? overflow = arguments.GetValueOrDefault(QueueArgument.Overflow) as string;
        long? deliveryLimit = Integer(arguments, QueueArgument.DeliveryLimit);
        return new QueueSettings
        {
            Kind = kind,
            MessageTtlMs = Integer(arguments, QueueArgument.MessageTtl),
            ExpiresMs = Integer(arguments, QueueArgument.Expires),
            MaxLength = Integer(arguments, QueueArgument.MaxLength),
            MaxLengthBytes = Integer(arguments, QueueArgument.MaxLengthBytes),
            Overflow = overflow is null ? Overflow.DropHead : OverflowNames.Effective(overflow, kind),
            IsOverflowDeclared = overflow is not null,
            DeadLetterExchange = arguments.GetValueOrDefault(QueueArgument.DeadLetterExchange) as string,
            DeadLetterRoutingKey = arguments.GetValueOrDefault(QueueArgument.DeadLetterRoutingKey) as string,
            MaxPriority = (int)(Integer(arguments, QueueArgument.MaxPriority) ?? 0),
            SingleActiveConsumer = arguments.GetValueOrDefault(QueueArgument.SingleActiveConsumer) is true,
            DeliveryLimit = deliveryLimit < 0 ? null : deliveryLimit,
        };
    }

    /// <summary>Finds the first fault of a declaration, in RabbitMQ's order of checks.</summary>
    /// <param name="virtualHost">The virtual host, for error texts.</param>
    /// <param name="declaration">The declaration, with the queue's final name.</param>
    /// <returns>The error to throw, or <see langword="null"/>.</returns>
    internal static ChannelException? FindFault(string virtualHost, QueueDeclaration declaration)
    {
        HeaderTable arguments = declaration.Arguments;
        if (arguments.TryGetValue(QueueArgument.DeadLetterExchange, out object? exchange) && exchange is not string)
        {
            return MqErrors.InvalidTypeOfQueueArgument(virtualHost, declaration.Name, QueueArgument.DeadLetterExchange, ErlangTerm.TypeOf(exchange));
        }

        if (FindFault(virtualHost, declaration, QueueArgumentRules.OfQueueType) is { } faultOfType)
        {
            return faultOfType;
        }

        QueueKind kind = KindOf(declaration);
        foreach (QueueArgumentRules.Rule rule in QueueArgumentRules.All)
        {
            if (KnownQueueArguments.Of(kind).Contains(rule.Argument) && FindFault(virtualHost, declaration, rule) is { } fault)
            {
                return fault;
            }
        }

        foreach (string name in arguments.Keys)
        {
            if (KnownQueueArguments.BelongsToOtherKind(kind, name))
            {
                return MqErrors.ArgumentOfOtherQueueType(virtualHost, declaration.Name, name, kind == QueueKind.Classic ? "classic" : "quorum");
            }
        }

        return kind == QueueKind.Quorum && InvalidPropertyOfQuorum(declaration) is { } property
            ? MqErrors.InvalidQueueProperty(virtualHost, declaration.Name, property)
            : null;
    }

    private static ChannelException? FindFault(string virtualHost, QueueDeclaration declaration, QueueArgumentRules.Rule rule)
        => declaration.Arguments.TryGetValue(rule.Argument, out object? value) && rule.FindFault(value, declaration.Arguments) is { } reason
            ? MqErrors.InvalidQueueArgument(virtualHost, declaration.Name, rule.Argument, reason, rule.Advice)
            : null;

    private static string? InvalidPropertyOfQuorum(QueueDeclaration declaration)
    {
        if (declaration.IsAutoDelete)
        {
            return "auto-delete";
        }

        return declaration.IsExclusive ? "exclusive-owner" : declaration.IsDurable ? null : "non-durable";
    }

    private static long? Integer(HeaderTable arguments, string name)
        => HeaderTable.TryGetInteger(arguments.GetValueOrDefault(name), out long number) ? number : null;
}
