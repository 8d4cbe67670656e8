namespace EmbeddedMq;

/// <summary>A definitions file that cannot be imported. Nothing of it was declared.</summary>
/// <param name="errors">Every error found, each naming its place in the file.</param>
public sealed class DefinitionsException(IReadOnlyList<string> errors)
    : EmbeddedMqException(ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - the definitions cannot be imported", Describe(errors))
{
    /// <summary>Every error found, each naming its place in the file.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;

    private static string Describe(IReadOnlyList<string> errors)
        => "Nothing was declared. Mend these first: " + string.Join("; ", errors);
}
