namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <summary>One call of a script, complete in itself, so that it can be made on any engine.</summary>
/// <param name="Code">The call as a line of C#.</param>
/// <param name="ApplyAsync">Makes it and gives its answer as a text.</param>
internal sealed record Command(string Code, Func<EngineRun, Task<string>> ApplyAsync);
