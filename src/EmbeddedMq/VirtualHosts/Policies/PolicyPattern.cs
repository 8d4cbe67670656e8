using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace EmbeddedMq.VirtualHosts;

/// <summary>The pattern of a policy: a regular expression that is searched for anywhere in a name.</summary>
/// <remarks>
/// Immutable and thread-safe. RabbitMQ's patterns are Perl-compatible expressions over bytes. What .NET writes differently is refused, with
/// one exception: <c>\d</c>, <c>\w</c> and <c>.</c> see characters here and single bytes there, which differs for names beyond ASCII only.
/// </remarks>
internal sealed partial class PolicyPattern
{
    // Look-around and back-references need the backtracking engine, whose time an unlucky pattern can let grow without bound.
    private static readonly TimeSpan BacktrackingLimit = TimeSpan.FromMilliseconds(250);

    private readonly Regex _regex;

    private PolicyPattern(Regex regex) => _regex = regex;

    /// <summary>Reads a pattern.</summary>
    /// <param name="text">The pattern; empty matches every name.</param>
    /// <param name="pattern">The pattern read.</param>
    /// <param name="fault">Why it is invalid.</param>
    internal static bool TryParse(string text, [NotNullWhen(true)] out PolicyPattern? pattern, [NotNullWhen(false)] out string? fault)
    {
        pattern = null;
        fault = null;
        if (PosixClass().Match(text) is { Success: true } found)
        {
            // .NET would take it for the set of its letters.
            fault = $"pattern should be regular expression but is invalid: the class {found.Value} is not supported; write a range such as a-z";
            return false;
        }

        try
        {
            pattern = new PolicyPattern(Compile(text));
            return true;
        }
        catch (RegexParseException error)
        {
            fault = $"pattern should be regular expression but is invalid: {error.Message}";
            return false;
        }
    }

    /// <summary>Whether it is found in a name.</summary>
    /// <param name="name">The name of a queue or exchange.</param>
    internal bool IsMatch(string name)
    {
        try
        {
            return _regex.IsMatch(name);
        }
        catch (RegexMatchTimeoutException)
        {
            return false; // as RabbitMQ, whose engine gives up at a number of steps and reports no match
        }
    }

    private static Regex Compile(string text)
    {
        try
        {
            return new Regex(text, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException)
        {
            return new Regex(text, RegexOptions.CultureInvariant, BacktrackingLimit);
        }
    }

    [GeneratedRegex(@"\[:\^?[a-z]+:\]")]
    private static partial Regex PosixClass();
}
