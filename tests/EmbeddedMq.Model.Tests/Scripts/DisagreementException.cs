namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>A target and the model differ; the message tells where, and all steps that led there.</summary>
internal sealed class DisagreementException(string message) : Exception(message);
