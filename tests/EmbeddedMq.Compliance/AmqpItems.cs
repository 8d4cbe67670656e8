namespace EmbeddedMq.Compliance;

/// <summary>What the suites have to cover; <see cref="CoverageTests"/> holds them to it.</summary>
/// <remarks>The items are those of the behaviour checklist for AMQP 0-9-1 as RabbitMQ does it. Not in it: wire framing (most of A1), streams
/// (A9), permissions (most of A10) and durability (most of A13), which belong to a listener or to stores, and what the contracts cannot express.</remarks>
internal static class AmqpItems
{
    /// <summary>The points in which look-alikes are most often wrong.</summary>
    internal static readonly string[] OftenGotWrong =
    [
        "return before its ack",
        "unroutable is acked",
        "confirms out of numeric order",
        "dropping what follows a channel error",
        "which errors close the connection and which the channel",
        "equivalence only over known arguments",
        "passive declare ignores everything but existence",
        "exclusive mismatch 405",
        "unbind and delete of missing things succeed",
        "qos(global=false) is for later consumers only",
        "requeue to the original position",
        "ack-multiple beyond the last tag acks nothing",
        "cancel keeps unacked",
        "topic empty words",
        "headers with no usable keys",
        "one copy per queue",
        "alternate exchange only if no key routed",
        "auto-delete exchange counts bindings as source and cascades",
        "TTL at the head only",
        "TTL 0",
        "max-length counts ready, drops the highest priority first",
        "reject-publish does not dead-letter",
        "x-death one entry per (queue, reason)",
        "cycle rule",
        "CC after dead-letter routing key",
        "delivery limit n means n + 1 deliveries",
        "x-expires reset by declare, passive declare, get, not by publish",
        "blocked publishers lose nothing",
    ];

    /// <summary>The items that the contracts can express, by section.</summary>
    internal static readonly string[] InScope =
    [
        .. Section("A0", 4, 5),
        .. Section("A1", 7, 11, 23),
        .. Section("A2", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26),
        .. Section("A3", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22),
        .. Section("A4", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
        .. Section("A5", 1, 2, 3, 4, 5, 6, 7, 8, 9, 11),
        .. Section("A6", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
        .. Section("A7", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21),
        .. Section("A8", 1, 2, 3, 4, 5),
        .. Section("A10", 5),
        .. Section("A11", 1, 2, 3, 5),
        .. Section("A12", 1, 2, 3),
        .. Section("A13", 4),
        .. Section("A14", 1, 2, 3, 4, 6),
    ];

    private static IEnumerable<string> Section(string section, params int[] items) => items.Select(item => $"{section}.{item}");
}
