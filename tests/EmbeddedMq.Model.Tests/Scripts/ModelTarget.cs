using EmbeddedMq.Model.Tests.Model;

namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>The model in an engine's place: for tests of the comparison itself.</summary>
internal sealed class ModelTarget(ModelFlaw flaw) : IScriptTarget
{
    private readonly ModelBroker _model = new(new Choices([]), flaw);

    /// <inheritdoc/>
    public ValueTask<string> ApplyAsync(Command command) => ValueTask.FromResult(_model.Apply(command));

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Answers => _model.Answers;

    /// <inheritdoc/>
    public ValueTask SettleAsync(IReadOnlyCollection<string>? due) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ObserveAsync() => ValueTask.FromResult<IReadOnlyList<string>>(_model.Observe());

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
