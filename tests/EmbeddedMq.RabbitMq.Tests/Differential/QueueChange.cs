namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <summary>One thing that a queue is declared with.</summary>
/// <param name="Code">As C#.</param>
/// <param name="Change">Adds it to a declaration.</param>
/// <param name="KillsNothing">Whether no message dies of it at its publish.</param>
internal sealed record QueueChange(string Code, Func<QueueDeclaration, EngineRun, QueueDeclaration> Change, bool KillsNothing = false);
