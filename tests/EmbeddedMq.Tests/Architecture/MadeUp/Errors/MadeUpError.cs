namespace EmbeddedMq.Tests.Architecture.MadeUp.Errors;

internal sealed class MadeUpError(string? message) : Exception(message);
