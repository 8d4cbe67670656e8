namespace EmbeddedMq;

/// <summary>How a consumer consumes. Immutable.</summary>
public sealed record ConsumerOptions
{
    /// <summary>The tag, unique on its channel; empty means that the broker makes one. At most 255 bytes of UTF-8. Default empty.</summary>
    public string ConsumerTag { get; init; } = "";

    /// <summary>Whether a delivery is settled by being taken from the enumeration. Default <see langword="false"/>: the application acknowledges.</summary>
    public bool AutoAck { get; init; }

    /// <summary>Whether this consumer wants the queue for itself. Default <see langword="false"/>.</summary>
    public bool Exclusive { get; init; }

    /// <summary>How many deliveries may be unsettled at once: 0 to 65,535, 0 for no limit. Default <see langword="null"/>: the channel's, see
    /// <see cref="IChannel.SetPrefetchAsync"/>, which begins with no limit.</summary>
    public int? PrefetchCount { get; init; }

    /// <summary>Consumers of higher priority receive all messages until their prefetch is full. Default 0.</summary>
    /// <remarks>Source: RabbitMQ consumer priorities (<c>x-priority</c>).</remarks>
    public int Priority { get; init; }

    /// <summary>Further arguments of basic.consume. Default none.</summary>
    public HeaderTable Arguments { get; init; } = HeaderTable.Empty;
}
