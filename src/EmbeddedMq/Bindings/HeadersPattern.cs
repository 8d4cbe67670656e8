namespace EmbeddedMq.Bindings;

/// <summary>A headers binding: how many of its arguments a message's headers must match. Immutable but for its place in the index.</summary>
/// <remarks>
/// <c>x-match</c> is <c>all</c> (also when missing), <c>any</c>, <c>all-with-x</c> or <c>any-with-x</c>. Arguments that begin with
/// <c>x-</c> take part in the last two only, and <c>x-match</c> itself never does. Without any argument that takes part, all matches
/// every message and any matches none. Source: AMQP 0-9-1 §3.1.3.4; RabbitMQ.
/// </remarks>
internal sealed class HeadersPattern
{
    /// <summary>The argument that says how many must match.</summary>
    internal const string MatchArgument = "x-match";

    /// <summary>Each argument that takes part must match; the default.</summary>
    internal const string All = "all";

    /// <summary>One argument that takes part must match.</summary>
    internal const string Any = "any";

    /// <summary>As <see cref="All"/>, with arguments that begin with <c>x-</c>.</summary>
    internal const string AllWithX = "all-with-x";

    /// <summary>As <see cref="Any"/>, with arguments that begin with <c>x-</c>.</summary>
    internal const string AnyWithX = "any-with-x";

    private readonly HeaderTable _arguments;
    private readonly bool _withX;

    /// <summary>Reads a binding.</summary>
    /// <param name="binding">The binding.</param>
    internal HeadersPattern(Binding binding)
    {
        object? match = binding.Arguments.GetValueOrDefault(MatchArgument);
        _arguments = binding.Arguments;
        _withX = match is AllWithX or AnyWithX;
        IsAny = match is Any or AnyWithX;
        Destination = binding.Destination;
    }

    /// <summary>Where it leads.</summary>
    internal IDestination Destination { get; }

    /// <summary>Whether one argument suffices.</summary>
    internal bool IsAny { get; }

    /// <summary>The first of its places in the index; for the writer.</summary>
    internal HeadersLink? FirstLink { get; set; }

    /// <summary>Its arguments, those that take no part included.</summary>
    internal ReadOnlySpan<KeyValuePair<string, object?>> Arguments => _arguments.Entries;

    /// <summary>Whether an argument takes part.</summary>
    /// <param name="name">Its name.</param>
    internal bool TakesPart(string name)
        => !name.StartsWith("x-", StringComparison.Ordinal) || (_withX && !string.Equals(name, MatchArgument, StringComparison.Ordinal));

    /// <summary>Whether a message matches.</summary>
    /// <param name="headers">Its headers.</param>
    internal bool Matches(HeaderTable headers)
    {
        foreach (KeyValuePair<string, object?> argument in _arguments.Entries)
        {
            if (!TakesPart(argument.Key))
            {
                continue;
            }

            bool isMatch = headers.TryGetValue(argument.Key, out object? value) && HeaderValue.Matches(argument.Value, value);
            if (isMatch == IsAny)
            {
                return IsAny; // the first that matches decides for any, the first that does not for all
            }
        }

        return !IsAny;
    }
}
