namespace EmbeddedMq.Compliance;

/// <summary>One broker under test, and what the suites need to know of it. A test has an instance of its own.</summary>
/// <remarks>Several instances may share one server: names are made unique by <see cref="UniqueName"/>.</remarks>
public abstract class ComplianceEngine : IAsyncDisposable
{
    /// <summary>What it offers beyond the common model.</summary>
    public abstract EngineCapabilities Capabilities { get; }

    /// <summary>The virtual host that the tests work in.</summary>
    public abstract string VirtualHost { get; }

    /// <summary>How long a helper waits for what must come, in real time. Only a failing test waits so long.</summary>
    public virtual TimeSpan Patience => TimeSpan.FromMinutes(2);

    /// <summary>The clock of the broker's TTLs and leases.</summary>
    public abstract TimeProvider Clock { get; }

    /// <summary>Starts the broker, or reaches it.</summary>
    /// <param name="options">What the suite wants of it; limits only with <see cref="EngineCapabilities.Limits"/>.</param>
    public abstract ValueTask<IBroker> StartAsync(EngineOptions options);

    /// <summary>A name that no other test uses on the same server.</summary>
    /// <param name="stem">Its beginning, for the reader of a failure.</param>
    public abstract string UniqueName(string stem);

    /// <summary>Lets time pass for the broker: TTLs and leases that end within it have ended when the call returns.</summary>
    /// <param name="time">How much.</param>
    public abstract ValueTask AdvanceAsync(TimeSpan time);

    /// <summary>Returns when what was under way has arrived: at once where every effect of an awaited call is visible when it returns.</summary>
    public abstract ValueTask SettleAsync();

    /// <summary>Waits until a condition holds, for at most <see cref="Patience"/>.</summary>
    /// <param name="condition">The condition.</param>
    /// <returns>Whether it came to hold.</returns>
    public abstract ValueTask<bool> UntilAsync(Func<ValueTask<bool>> condition);

    /// <summary>Brings the broker over its memory watermark. Only with <see cref="EngineCapabilities.MemoryAlarm"/>.</summary>
    public virtual ValueTask RaiseMemoryAlarmAsync() => throw new NotSupportedException();

    /// <summary>Brings the broker below its memory watermark again. Only with <see cref="EngineCapabilities.MemoryAlarm"/>.</summary>
    public virtual ValueTask ClearMemoryAlarmAsync() => throw new NotSupportedException();

    /// <summary>Makes a declaration one of a queue type that has a delivery limit.</summary>
    /// <param name="declaration">The declaration.</param>
    public virtual QueueDeclaration DeliveryLimitQueue(QueueDeclaration declaration)
        => declaration.Durable().WithArgument(QueueArgument.QueueType, "quorum");

    /// <summary>How a queue is declared whose test does not say whether it is durable.</summary>
    /// <param name="declaration">The declaration.</param>
    public virtual QueueDeclaration UsualQueue(QueueDeclaration declaration) => declaration;

    /// <summary>What a message is published with whose test does not say anything.</summary>
    public virtual MessageProperties? UsualProperties => null;

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
