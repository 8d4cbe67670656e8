namespace EmbeddedMq;

/// <summary>How typed publishing and consuming behave over time. Read once, at the start.</summary>
/// <remarks>With a host it is read from the configuration section <c>EmbeddedMq</c>, for a named broker <c>EmbeddedMq:Brokers:name</c>; what code sets wins.</remarks>
public sealed class MessageBusOptions
{
    /// <summary>How long handlers in flight may take to finish when the application stops, before their cancellation token is cancelled.
    /// More than zero. Default <see langword="null"/>: four fifths of the host's shutdown timeout; without a host 24 s.</summary>
    public TimeSpan? StopTimeout { get; set; }

    /// <summary>How long a handler whose token was cancelled may take to end; then it is left behind and its message goes back to the queue.
    /// Zero or more. Default <see langword="null"/>: an eighth of <see cref="StopTimeout"/>.</summary>
    public TimeSpan? StopGrace { get; set; }

    /// <summary>How long a request waits for its answer unless it says otherwise. More than zero. Default 30 s.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a consumer waits before it is started again after it failed; doubled at each failure in a row. More than zero. Default 0.5 s.</summary>
    public TimeSpan RestartDelay { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest such wait. At least <see cref="RestartDelay"/>. Default 30 s.</summary>
    public TimeSpan MaxRestartDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The seed of what is random: how the outbox varies its delays. Default <see langword="null"/>: a new one each time.</summary>
    internal int? RandomSeed { get; set; }

    /// <summary>Settings of consumers, by queue. They win over the code, so that an operator can change them.</summary>
    public IDictionary<string, ConsumerSettings> Consumers { get; } = new Dictionary<string, ConsumerSettings>(StringComparer.Ordinal);
}
