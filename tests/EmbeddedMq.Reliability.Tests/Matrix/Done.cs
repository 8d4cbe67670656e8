namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>What a handler sends when it has handled an <see cref="Order"/>.</summary>
/// <param name="Id">The order's id.</param>
internal sealed record Done(string Id);
