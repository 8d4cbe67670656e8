namespace EmbeddedMq.Errors;

/// <content>Errors of the outbox. What is a mistake in the application's code is one of the BCL's exceptions.</content>
internal static partial class MqErrors
{
    /// <summary>A message is stored whose id is known.</summary>
    internal static ArgumentException AlreadyInOutbox(string id, string parameter)
        => new($"Message '{id}' is in the outbox already. Nothing was stored. Give each message an id of its own, or leave out what is stored already.", parameter);

    /// <summary>A message has an id that no outbox can keep.</summary>
    internal static ArgumentException OutboxIdLength(string id, int bytes)
        => new($"The message id '{id}' has {bytes} bytes of UTF-8. In an outbox it has 1 to 255: shorten it, or leave it out and have one made.");

    /// <summary>A message has an order key that no outbox can keep.</summary>
    internal static ArgumentException OutboxKeyLength(string id, int bytes, string parameter)
        => new($"The order key of message '{id}' has {bytes} bytes of UTF-8. It may have 255: shorten it, or use a hash of it.", parameter);

    /// <summary>The outbox is asked for where there is none.</summary>
    internal static InvalidOperationException NoOutbox()
        => new("There is no outbox. Add mq.Outbox() to the registration.");

    /// <summary>The outbox's store is asked for before the broker that keeps it has started.</summary>
    internal static InvalidOperationException OutboxNotStarted()
        => new("The outbox is kept by the broker, which does not run yet. Start the host first, or store a message, which starts it.");

    /// <summary>The broker keeps no outbox and none was configured.</summary>
    internal static string NoOutboxStore(string broker)
        => $"The outbox has no store: broker '{broker}' keeps none. Say where messages are kept: mq.Outbox(o => o.UseEmbedded(directory)) on this machine's disk, " +
            "o.UseSql(…) in a database (package EmbeddedMq.Sql), or o.UseMemory() if they may be lost with the process.";
}
