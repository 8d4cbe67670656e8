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

    /// <summary>A claim that was not granted is completed or failed.</summary>
    internal static InvalidOperationException ClaimNotGranted(ClaimOutcome outcome)
        => new($"The claim was not granted ({outcome}), so there is nothing to complete. Ask for its outcome first.");
}
