namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects a consumer's retry rules.</summary>
/// <param name="queue">The consumer's queue, for error texts.</param>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class RetryBuilder(string queue, ConfigurationErrors errors) : IRetryBuilder
{
    private const int MaxRetries = 1_000;

    private readonly List<RetryRule> _rules = [];
    private RetryRule? _else;
    private RetryWait _wait = RetryWait.Auto;

    /// <inheritdoc/>
    public IRetryBuilder On<TException>(int retries, Backoff backoff)
        where TException : Exception
        => Add(static error => error is TException, retries, backoff);

    /// <inheritdoc/>
    public IRetryBuilder On<TException>(Func<TException, bool> condition, int retries, Backoff backoff)
        where TException : Exception
    {
        ArgumentNullException.ThrowIfNull(condition);
        return Add(error => error is TException typed && condition(typed), retries, backoff);
    }

    /// <inheritdoc/>
    public IRetryBuilder Never<TException>()
        where TException : Exception
    {
        _rules.Add(new RetryRule(static error => error is TException, 0, Backoff.None));
        return this;
    }

    /// <inheritdoc/>
    public IRetryBuilder Else(int retries, Backoff backoff)
    {
        ArgumentNullException.ThrowIfNull(backoff);
        if (IsValid(retries))
        {
            _else = new RetryRule(static _ => true, retries, backoff);
        }

        return this;
    }

    /// <inheritdoc/>
    public IRetryBuilder WaitIn(RetryWait wait)
    {
        _wait = wait;
        return this;
    }

    /// <summary>The rules so far.</summary>
    public RetryRules Build() => new() { Rules = [.. _rules], Else = _else, Wait = _wait };

    private RetryBuilder Add(Func<Exception, bool> fits, int retries, Backoff backoff)
    {
        ArgumentNullException.ThrowIfNull(backoff);
        if (IsValid(retries))
        {
            _rules.Add(new RetryRule(fits, retries, backoff));
        }

        return this;
    }

    private bool IsValid(int retries)
    {
        errors.CheckRange($"The number of retries of the consumer of queue '{queue}'", retries, 1, MaxRetries);
        return retries is >= 1 and <= MaxRetries;
    }
}
