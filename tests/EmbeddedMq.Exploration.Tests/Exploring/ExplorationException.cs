namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>A run of a scenario went wrong.</summary>
internal sealed class ExplorationException(string message, Exception? innerException = null) : Exception(message, innerException);
