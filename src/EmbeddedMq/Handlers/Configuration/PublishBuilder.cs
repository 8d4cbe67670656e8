using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects a type's route.</summary>
/// <typeparam name="T">The type.</typeparam>
/// <param name="route">The route so far.</param>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class PublishBuilder<T>(PublishRoute<T> route, ConfigurationErrors errors) : IPublishBuilder<T>
{
    /// <summary>The route so far.</summary>
    public PublishRoute<T> Route { get; private set; } = route;

    /// <inheritdoc/>
    public IPublishBuilder<T> To(string exchange, string routingKey)
    {
        CheckExchange(exchange);
        errors.CheckKey("routing key", routingKey);
        Route = Route with { Exchange = exchange, RoutingKey = routingKey, RoutingKeyOf = null };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> To(string exchange, Func<T, string> routingKey)
    {
        ArgumentNullException.ThrowIfNull(routingKey);
        CheckExchange(exchange);
        Route = Route with { Exchange = exchange, RoutingKeyOf = routingKey };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> ToQueue(string queue)
    {
        errors.CheckName("queue", queue);
        Route = Route with { Exchange = "", RoutingKey = queue, RoutingKeyOf = null };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> Mandatory(bool mandatory = true)
    {
        Route = Route with { Mandatory = mandatory };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> Persistent(bool persistent = true)
    {
        Route = Route with { Persistent = persistent };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> Priority(byte priority)
    {
        Route = Route with { Priority = priority };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> TimeToLive(TimeSpan timeToLive)
    {
        if (timeToLive < TimeSpan.Zero)
        {
            errors.Add($"The time to live of {typeof(T).Name} is {timeToLive}. It must be zero or more.");
            return this;
        }

        Route = Route with { TimeToLive = timeToLive };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> MessageId(Func<T, string?> messageId)
    {
        ArgumentNullException.ThrowIfNull(messageId);
        Route = Route with { MessageIdOf = messageId };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> CorrelationId(Func<T, string?> correlationId)
    {
        ArgumentNullException.ThrowIfNull(correlationId);
        Route = Route with { CorrelationIdOf = correlationId };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> Header(string name, Func<T, object?> value)
    {
        ArgumentNullException.ThrowIfNull(value);
        errors.CheckName("header", name);
        Route = Route with { Headers = [.. Route.Headers.Where(header => header.Key != name), KeyValuePair.Create(name, value)] };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> Type(string type)
    {
        errors.CheckName("message type", type);
        Route = Route with { TypeName = type };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> ByReference(int countedBytes = 1_024)
    {
        if (countedBytes < 0)
        {
            errors.Add($"Messages of {typeof(T).Name} by reference count for {countedBytes} bytes. It must be zero or more.");
            return this;
        }

        Route = Route with { ReferenceBytes = countedBytes };
        return this;
    }

    /// <inheritdoc/>
    public IPublishBuilder<T> Check(TimeSpan delay)
    {
        errors.CheckRange($"The delay of the check of {typeof(T).Name}", delay, TimeSpan.FromMilliseconds(1), Backoff.MaxDelay);
        Route = Route with { CheckDelay = TimeSpan.FromMilliseconds(Math.Floor(delay.TotalMilliseconds)) };
        return this;
    }

    private void CheckExchange(string exchange)
    {
        if (exchange is not "")
        {
            errors.CheckName("exchange", exchange);
        }
    }
}
