namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>Something that carries out calls and shows what came of them: an engine, or the model in an engine's place.</summary>
internal interface IScriptTarget : IAsyncDisposable
{
    /// <summary>Carries out one call.</summary>
    /// <returns>The answer, as <see cref="Render"/> writes it; errors are answers.</returns>
    ValueTask<string> ApplyAsync(Command command);

    /// <summary>Waits a moment for publishes that are due to be answered; an engine answers those that had to wait on another thread.</summary>
    /// <param name="answered">The bodies of the messages whose publishers have been answered, by the model.</param>
    ValueTask SettleAsync(IReadOnlyCollection<string> answered);

    /// <summary>All that can be seen from outside after a call, line by line.</summary>
    ValueTask<IReadOnlyList<string>> ObserveAsync();
}
