namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>Something that carries out calls and shows what came of them: an engine, or the model in an engine's place.</summary>
internal interface IScriptTarget : IAsyncDisposable
{
    /// <summary>Carries out one call.</summary>
    /// <returns>The answer, as <see cref="Render"/> writes it; errors are answers.</returns>
    ValueTask<string> ApplyAsync(Command command);

    /// <summary>What publishers have been told that had to wait, by the body of their message. An engine tells them on another thread, so that
    /// an answer may be there later than the call that brought it.</summary>
    IReadOnlyDictionary<string, string> Answers { get; }

    /// <summary>Waits a moment for answers that are due.</summary>
    /// <param name="due">The bodies of the messages; <see langword="null"/> for all that wait.</param>
    ValueTask SettleAsync(IReadOnlyCollection<string>? due);

    /// <summary>All that can be seen from outside after a call, line by line.</summary>
    ValueTask<IReadOnlyList<string>> ObserveAsync();
}
