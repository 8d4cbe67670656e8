using System.Text;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects how a queue is consumed.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
/// <param name="plan">The plan so far.</param>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class ConsumerBuilder<T>(ConsumerPlan<T> plan, ConfigurationErrors errors) : IConsumerBuilder<T>
{
    private const int MaxTagBytes = 255;

    /// <summary>The plan so far.</summary>
    public ConsumerPlan<T> Plan { get; private set; } = plan;

    /// <inheritdoc/>
    public IConsumerBuilder<T> Concurrency(int handlers)
    {
        Plan = Plan with { Concurrency = handlers };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> Prefetch(int messages)
    {
        Plan = Plan with { Prefetch = messages };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> KeyBy<TKey>(Func<T, TKey> key)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(key);
        Plan = Plan with { KeyOf = message => key(message) };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> Retry(Action<IRetryBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        RetryBuilder builder = new(Plan.Queue, errors);
        configure(builder);
        Plan = Plan with { Retry = builder.Build() };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> DeadLetterTo(string queue)
    {
        errors.CheckName("queue", queue);
        Plan = Plan with { DeadLetter = new DeadLetterTarget("", queue) };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> DeadLetterTo(string exchange, string routingKey)
    {
        if (exchange is "")
        {
            return DeadLetterTo(routingKey);
        }

        errors.CheckName("exchange", exchange);
        errors.CheckKey("routing key", routingKey);
        Plan = Plan with { DeadLetter = new DeadLetterTarget(exchange, routingKey) };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> Idempotent(Action<IIdempotentConsumerBuilder<T>>? configure = null)
    {
        IdempotentConsumerBuilder<T> builder = new(Plan.Idempotent ?? new IdempotentPlan<T> { Scope = Plan.Queue }, Plan.Queue, errors);
        configure?.Invoke(builder);
        Plan = Plan with { Idempotent = builder.Plan };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> ConfirmsProcessing()
    {
        Plan = Plan with { ConfirmsProcessing = true };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> Priority(int priority)
    {
        Plan = Plan with { Priority = priority };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> Exclusive()
    {
        Plan = Plan with { Exclusive = true };
        return this;
    }

    /// <inheritdoc/>
    public IConsumerBuilder<T> Tag(string consumerTag)
    {
        ArgumentNullException.ThrowIfNull(consumerTag);
        if (Encoding.UTF8.GetByteCount(consumerTag) > MaxTagBytes)
        {
            errors.Add($"The consumer tag '{consumerTag}' is longer than {MaxTagBytes} bytes of UTF-8. Shorten it.");
        }

        Plan = Plan with { Tag = consumerTag };
        return this;
    }
}
