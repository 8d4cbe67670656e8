namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>What is sent.</summary>
/// <param name="Id">Its id, of the message as well.</param>
internal sealed record Order(string Id);
