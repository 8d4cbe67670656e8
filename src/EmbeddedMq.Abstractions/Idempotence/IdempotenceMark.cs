namespace EmbeddedMq;

/// <summary>What an idempotence store knows of one message. Immutable.</summary>
/// <param name="State">How far it is.</param>
/// <param name="Fingerprint">The fingerprint that it came with.</param>
/// <param name="At">When it got there.</param>
public sealed record IdempotenceMark(IdempotenceState State, Fingerprint Fingerprint, DateTimeOffset At);
