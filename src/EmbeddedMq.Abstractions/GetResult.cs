namespace EmbeddedMq;

/// <summary>One message taken from a queue by <see cref="IChannel.GetAsync"/>.</summary>
/// <param name="Delivery">The message.</param>
/// <param name="RemainingCount">How many messages are ready behind it.</param>
public sealed record GetResult(Delivery Delivery, uint RemainingCount);
