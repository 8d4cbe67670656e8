using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace EmbeddedMq.Hosting;

/// <summary>Healthy: the broker runs, stores and reads, its consumers consume, its publishers publish, its outbox sends. Degraded: the broker makes
/// them wait, or soon will; the outbox cannot send, or holds messages that were given up and wait for somebody. Else unhealthy.</summary>
/// <param name="host">The broker.</param>
internal sealed class BrokerHealthCheck(BrokerHost host) : IHealthCheck
{
    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!host.IsStarted)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, "The broker does not run.");
        }

        IBroker broker = host.StartedBroker;
        StorageDescription? storage = (broker as Broker)?.Storage;
        IReadOnlyDictionary<string, string> unreadable = storage is null
            ? new Dictionary<string, string>()
            : await FindUnreadableAsync(broker.Management, cancellationToken).ConfigureAwait(false);
        string? outbox = await FindOutboxFaultAsync(host.Bus, cancellationToken).ConfigureAwait(false);
        return Judge(context.Registration.FailureStatus, storage, unreadable, host.Bus.ConsumerFailures, host.Bus.BlockedReason, outbox);
    }

    /// <summary>Judges a broker that runs. All that is wrong is in the text, the worst first.</summary>
    /// <param name="failure">What to report instead of unhealthy.</param>
    /// <param name="storage">What its storage looks like; <see langword="null"/>: it has none.</param>
    /// <param name="unreadable">Why messages cannot be read from disk, by queue.</param>
    /// <param name="idle">Why consumers do not consume, by queue.</param>
    /// <param name="blocked">Why publishers wait, or <see langword="null"/>.</param>
    /// <param name="outbox">What is wrong with the outbox, or <see langword="null"/>.</param>
    internal static HealthCheckResult Judge(
        HealthStatus failure,
        StorageDescription? storage,
        IReadOnlyDictionary<string, string> unreadable,
        IReadOnlyDictionary<string, string> idle,
        string? blocked,
        string? outbox = null)
    {
        List<string> faults = [];
        if (storage?.State == StorageState.Failed)
        {
            faults.Add($"The storage has failed: {storage.Reason}");
        }

        Add("Not readable", unreadable);
        Add("Not consuming", idle);
        if (faults.Count > 0)
        {
            Dictionary<string, object> data = [];
            foreach ((string queue, string reason) in unreadable.Concat(idle))
            {
                data[queue] = reason; // a queue in both lists shows why its consumers do not consume
            }

            return new HealthCheckResult(failure, string.Join("; ", faults), data: data);
        }

        return storage?.State == StorageState.LowSpace ? HealthCheckResult.Degraded($"The disk is nearly full: {storage.Reason}")
            : blocked is not null ? HealthCheckResult.Degraded($"The broker makes publishers wait: {blocked}")
            : outbox is not null ? HealthCheckResult.Degraded(outbox)
            : HealthCheckResult.Healthy();

        void Add(string what, IReadOnlyDictionary<string, string> reasons)
        {
            if (reasons.Count > 0)
            {
                faults.Add($"{what}: {string.Join("; ", reasons.Select(static entry => $"{entry.Key} ({entry.Value})"))}");
            }
        }
    }

    private static async ValueTask<string?> FindOutboxFaultAsync(MessageBus bus, CancellationToken cancellationToken)
    {
        string? failure = bus.OutboxFailure is { } reason ? $"The outbox does not send: {reason}" : null;
        try
        {
            OutboxCounts counts = bus.OutboxStore is { } store ? await store.CountAsync(cancellationToken).ConfigureAwait(false) : default;
            return Describe(failure, counts);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            return failure ?? $"The outbox cannot be read: {error.Message}";
        }
    }

    /// <summary>Says what is wrong with an outbox.</summary>
    /// <param name="failure">Why it does not send, or <see langword="null"/>.</param>
    /// <param name="counts">What it holds.</param>
    /// <returns><see langword="null"/>: nothing is.</returns>
    internal static string? Describe(string? failure, OutboxCounts counts)
    {
        if (failure is not null && counts.OldestAt is { } oldest)
        {
            failure += string.Create(CultureInfo.InvariantCulture, $" ({counts.Pending + counts.Sent} messages wait, the oldest since {oldest.UtcDateTime:u})");
        }

        return failure ?? (counts.Failed == 0 ? null : $"{counts.Failed} messages of the outbox were given up. Retry or discard them");
    }

    private static async ValueTask<IReadOnlyDictionary<string, string>> FindUnreadableAsync(IBrokerManagement management, CancellationToken cancellationToken)
    {
        Dictionary<string, string> unreadable = [];
        foreach (string virtualHost in await management.ListVirtualHostsAsync(cancellationToken).ConfigureAwait(false))
        {
            foreach (QueueDescription queue in await management.ListQueuesAsync(virtualHost, cancellationToken).ConfigureAwait(false))
            {
                if (queue.ReadError is { } error)
                {
                    unreadable[virtualHost == ConnectionOptions.DefaultVirtualHost ? queue.Name : $"{queue.Name} in virtual host {virtualHost}"] = error;
                }
            }
        }

        return unreadable;
    }
}
