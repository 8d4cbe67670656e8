using System.Collections.Frozen;
using EmbeddedMq.Handlers.Checks;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Delayed second confirmation: its queues, and what its service does. Immutable.</summary>
internal sealed record CheckPlan
{
    /// <summary>The queue for checks and confirmations.</summary>
    public string Queue { get; init; } = "mq.checks";

    /// <summary>Whether the service runs in this process.</summary>
    public bool HasService { get; init; }

    /// <summary>How often a message is sent at most.</summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>What happens when a producer cannot be asked.</summary>
    public RetryRules Retry { get; init; } = new() { Else = new RetryRule(static _ => true, 5, Backoff.Exponential(TimeSpan.FromSeconds(1))) };

    /// <summary>Whom the service asks, by the messages' type. Filled in when the plan of the bus is made.</summary>
    public FrozenDictionary<string, CheckCallback> Callbacks { get; init; } = FrozenDictionary<string, CheckCallback>.Empty;

    /// <summary>Is told of messages that were given up.</summary>
    public Func<MessageCheck, string, IServiceProvider, CancellationToken, ValueTask>? OnFailed { get; init; }

    /// <summary>Where the checks of messages go that were given up.</summary>
    public string FailedQueue => $"{Queue}.failed";

    /// <summary>The name of the queue in which checks wait until they are due.</summary>
    /// <param name="queue">The service's queue.</param>
    /// <param name="delay">For how long.</param>
    public static string WaitQueue(string queue, TimeSpan delay) => $"{queue}.wait.{(long)delay.TotalMilliseconds}";
}
