namespace EmbeddedMq.Handlers.Configuration;

/// <summary>What happens when a handler throws. Immutable.</summary>
internal sealed record RetryRules
{
    /// <summary>No retry.</summary>
    public static RetryRules None { get; } = new();

    /// <summary>The rules, in order; the first that fits counts.</summary>
    public IReadOnlyList<RetryRule> Rules { get; init; } = [];

    /// <summary>The rule for what none of them fits, or <see langword="null"/> for no retry.</summary>
    public RetryRule? Else { get; init; }

    /// <summary>Where messages wait.</summary>
    public RetryWait Wait { get; init; } = RetryWait.Auto;

    private IEnumerable<RetryRule> All => Else is null ? Rules : Rules.Append(Else);

    /// <summary>Whether any rule waits at all.</summary>
    public bool HasDelays => Delays().Any();

    /// <summary>Whether and when a message is tried again.</summary>
    /// <param name="error">What the handler threw.</param>
    /// <param name="failedAttempts">How many attempts have failed, this one among them.</param>
    /// <returns>The delay, or <see langword="null"/> to give up.</returns>
    /// <remarks>Never throws: a message whose condition fails would be neither tried again nor given up.</remarks>
    public TimeSpan? DelayAfter(Exception error, int failedAttempts)
    {
        RetryRule? rule = Rules.FirstOrDefault(rule => Fits(rule, error)) ?? Else;
        return rule is null || failedAttempts > rule.Retries ? null : rule.Backoff.GetDelay(failedAttempts);
    }

    // The condition is the application's. As in an exception filter of the language, one that throws does not hold.
    private static bool Fits(RetryRule rule, Exception error)
    {
        try
        {
            return rule.Fits(error);
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>The distinct delays other than zero that the rules can give, the shortest first.</summary>
    public IEnumerable<TimeSpan> Delays()
        => All.SelectMany(static rule => Enumerable.Range(1, rule.Retries).Select(rule.Backoff.GetDelay))
            .Where(static delay => delay > TimeSpan.Zero)
            .Distinct()
            .Order();
}
