using EmbeddedMq.Errors;

namespace EmbeddedMq.Queues;

/// <summary>Decides whether a declaration fits the queue that exists under its name.</summary>
/// <remarks>Pure. Source: RabbitMQ, rabbit_amqqueue:assert_equivalence.</remarks>
internal static class QueueEquivalence
{
    /// <summary>Compares durable, auto-delete, then the arguments that the existing queue's kind knows. Unknown arguments and policies do not count.</summary>
    /// <param name="virtualHost">The virtual host, for error texts.</param>
    /// <param name="existing">What the queue was declared with.</param>
    /// <param name="received">The declaration.</param>
    /// <exception cref="ChannelException">406: the first difference, with both values.</exception>
    /// <remarks>Comes after the check of the exclusive owner (405), which needs to know the connections.</remarks>
    internal static void Check(string virtualHost, QueueDeclaration existing, QueueDeclaration received)
    {
        if (FindDifference(virtualHost, existing, received) is { } difference)
        {
            throw difference;
        }
    }

    /// <summary>The first difference, or <see langword="null"/>.</summary>
    /// <inheritdoc cref="Check" path="/param"/>
    internal static ChannelException? FindDifference(string virtualHost, QueueDeclaration existing, QueueDeclaration received)
    {
        string queue = MqErrors.QueueIn(virtualHost, existing.Name);
        return ArgumentEquivalence.FindDifference(queue, existing.Name, "durable", IsStoredDurable(existing), IsStoredDurable(received))
            ?? ArgumentEquivalence.FindDifference(queue, existing.Name, "auto_delete", existing.IsAutoDelete, received.IsAutoDelete)
            ?? ArgumentEquivalence.FindDifference(
                queue, existing.Name, existing.Arguments, received.Arguments, KnownQueueArguments.Of(QueueArguments.KindOf(existing)));
    }

    // An exclusive queue goes with its connection and so is never durable, whatever its declaration says.
    private static bool IsStoredDurable(QueueDeclaration declaration) => declaration.IsDurable && !declaration.IsExclusive;
}
