namespace EmbeddedMq.Errors;

/// <content>Errors of idempotence stores: mistakes in the caller's code, so the BCL's exceptions.</content>
internal static partial class MqErrors
{
    /// <summary>Messages were handed to a claim that takes none.</summary>
    internal static ArgumentException OutgoingNotTaken(int count)
        => new($"This store takes no outgoing messages, and was given {count}. Publish them first, and complete the claim with none.");

    /// <summary>A claim that was not granted is completed or failed.</summary>
    internal static InvalidOperationException ClaimNotGranted(ClaimOutcome outcome)
        => new($"The claim was not granted ({outcome}), so there is nothing to complete. Ask for its outcome first.");
}
