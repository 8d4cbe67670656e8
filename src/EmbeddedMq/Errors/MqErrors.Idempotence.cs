namespace EmbeddedMq.Errors;

/// <content>Errors of idempotence stores: mistakes in the caller's code, so the BCL's exceptions.</content>
internal static partial class MqErrors
{
    /// <summary>Messages were handed to a claim that takes none.</summary>
    internal static ArgumentException OutgoingNotTaken(int count)
        => new($"This store takes no outgoing messages, and was given {count}. Publish them first, and complete the claim with none.");

    /// <summary>Consumers are idempotent, and there is nowhere to remember.</summary>
    internal static InvalidOperationException NoIdempotenceStore(string queue, string broker)
        => new($"The consumer of queue '{queue}' is idempotent, and broker '{broker}' has no store of its own to remember processed messages in. " +
            "Add one to the registration: mq.Idempotence(i => i.UseMemory()), or UseEmbedded, UseSql or UseRedis, which outlive the process.");

    /// <summary>A function of the application's gave an id that no store can keep.</summary>
    internal static InvalidOperationException MessageIdTooLong(string id)
        => new($"The message's id begins with '{id[..40]}' and is longer than 255 bytes of UTF-8. Recognise messages by something shorter.");

    /// <summary>A handler publishes after its message was completed.</summary>
    internal static InvalidOperationException PublishedTooLate(string scope, string messageId)
        => new($"The handler of message '{messageId}' of '{scope}' publishes after the message was settled, with which everything it publishes is sent. Publish before.");

    /// <summary>A layout has no shards, or one twice.</summary>
    internal static ArgumentException ShardsOfLayout(DateTimeOffset begins)
        => new($"The layout that begins at {begins:O} names no shard, or one of them twice. Name each of its shards once.");

    /// <summary>A layout names a shard that there is not.</summary>
    internal static ArgumentException ShardUnknown(string shard, DateTimeOffset begins)
        => new($"The layout that begins at {begins:O} names shard '{shard}', and no store has that name. Add the store, or leave the layout out once it is no longer asked.");

    /// <summary>Layouts are not in the order of their beginnings.</summary>
    internal static ArgumentException LayoutsNotInOrder(DateTimeOffset begins)
        => new($"The layout that begins at {begins:O} comes behind one that begins no earlier. Put layouts in order, the oldest first.");

    /// <summary>A claim that was not granted is completed or failed.</summary>
    internal static InvalidOperationException ClaimNotGranted(ClaimOutcome outcome)
        => new($"The claim was not granted ({outcome}), so there is nothing to complete. Ask for its outcome first.");
}
