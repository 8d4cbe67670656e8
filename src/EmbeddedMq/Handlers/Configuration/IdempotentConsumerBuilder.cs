namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects what a consumer recognises its messages by.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
/// <param name="plan">The plan so far.</param>
/// <param name="queue">The consumer's queue.</param>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class IdempotentConsumerBuilder<T>(IdempotentPlan<T> plan, string queue, ConfigurationErrors errors) : IIdempotentConsumerBuilder<T>
{
    // What brokers, retries and spans write: each delivery of one message would look like another message.
    private static readonly string[] ChangingHeaders =
    [
        "CC", "BCC", "x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-mq-", MessageHeaders.TraceParent, MessageHeaders.TraceState,
    ];

    /// <summary>The plan so far.</summary>
    public IdempotentPlan<T> Plan { get; private set; } = plan;

    /// <inheritdoc/>
    public IIdempotentConsumerBuilder<T> Id(Func<T, IMessageContext, string?> messageId)
    {
        ArgumentNullException.ThrowIfNull(messageId);
        Plan = Plan with { IdOf = messageId };
        return this;
    }

    /// <inheritdoc/>
    public IIdempotentConsumerBuilder<T> Fingerprint(Func<T, IMessageContext, string> fingerprint)
    {
        ArgumentNullException.ThrowIfNull(fingerprint);
        Plan = Plan with { TextOf = fingerprint };
        return this;
    }

    /// <inheritdoc/>
    public IIdempotentConsumerBuilder<T> FingerprintHeaders(params string[] names)
    {
        ArgumentNullException.ThrowIfNull(names);
        foreach (string name in names)
        {
            errors.CheckName("header", name);
            if (name is not null && ChangingHeaders.Any(changing => changing[^1] == '-' ? name.StartsWith(changing, StringComparison.Ordinal) : name == changing))
            {
                errors.Add($"The consumer of queue '{queue}' takes header '{name}' into its fingerprints, which is not the same at each delivery of a message. Leave it out.");
            }
        }

        Plan = Plan with { Headers = [.. Plan.Headers.Union(names, StringComparer.Ordinal)] };
        return this;
    }

    /// <inheritdoc/>
    public IIdempotentConsumerBuilder<T> Scope(string scope)
    {
        errors.CheckName("scope", scope);
        Plan = Plan with { Scope = scope };
        return this;
    }
}
