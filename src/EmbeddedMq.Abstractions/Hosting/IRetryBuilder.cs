namespace EmbeddedMq;

/// <summary>How often and after which delays a message is tried again. The first rule that fits the error counts; none fits: no retry.</summary>
/// <remarks>Attempts are counted over all errors of a message: a rule of 5 retries allows them while at most 5 attempts have failed in all.
/// Not thread-safe.</remarks>
public interface IRetryBuilder
{
    /// <summary>Retries after errors of a type or derived from it.</summary>
    /// <typeparam name="TException">The type.</typeparam>
    /// <param name="retries">How often: 1 to 1,000.</param>
    /// <param name="backoff">The delays.</param>
    IRetryBuilder On<TException>(int retries, Backoff backoff)
        where TException : Exception;

    /// <summary>Retries after errors of a type for which a condition holds.</summary>
    /// <typeparam name="TException">The type.</typeparam>
    /// <param name="condition">The condition. One that throws does not hold, as in an exception filter.</param>
    /// <param name="retries">How often: 1 to 1,000.</param>
    /// <param name="backoff">The delays.</param>
    IRetryBuilder On<TException>(Func<TException, bool> condition, int retries, Backoff backoff)
        where TException : Exception;

    /// <summary>Gives up at once after errors of a type or derived from it.</summary>
    /// <typeparam name="TException">The type.</typeparam>
    IRetryBuilder Never<TException>()
        where TException : Exception;

    /// <summary>Retries after every error for which no other rule fits, wherever it stands among them.</summary>
    /// <param name="retries">How often: 1 to 1,000.</param>
    /// <param name="backoff">The delays.</param>
    IRetryBuilder Else(int retries, Backoff backoff);

    /// <summary>Where messages wait for their next attempt. Default <see cref="RetryWait.Auto"/>.</summary>
    /// <param name="wait">Where.</param>
    IRetryBuilder WaitIn(RetryWait wait);
}
