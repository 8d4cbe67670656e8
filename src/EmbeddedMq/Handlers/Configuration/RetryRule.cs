namespace EmbeddedMq.Handlers.Configuration;

/// <summary>How often and after which delays errors of one kind are tried again. Immutable.</summary>
/// <param name="Fits">Whether it is for an error.</param>
/// <param name="Retries">How often; 0 means never.</param>
/// <param name="Backoff">The delays.</param>
internal sealed record RetryRule(Func<Exception, bool> Fits, int Retries, Backoff Backoff);
