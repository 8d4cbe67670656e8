using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace EmbeddedMq.Hosting;

/// <summary>Healthy: the broker runs, its consumers consume, its publishers publish. Degraded: the broker makes them wait. Else unhealthy.</summary>
/// <param name="host">The broker.</param>
internal sealed class BrokerHealthCheck(BrokerHost host) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        => Task.FromResult(Check(context.Registration.FailureStatus));

    private HealthCheckResult Check(HealthStatus failure)
    {
        if (!host.IsStarted)
        {
            return new HealthCheckResult(failure, "The broker does not run.");
        }

        IReadOnlyDictionary<string, string> failures = host.Bus.ConsumerFailures;
        if (failures.Count > 0)
        {
            return new HealthCheckResult(
                failure,
                $"Not consuming: {string.Join("; ", failures.Select(static entry => $"{entry.Key} ({entry.Value})"))}",
                data: failures.ToDictionary(static entry => entry.Key, static entry => (object)entry.Value));
        }

        return host.Bus.BlockedReason is { } reason
            ? HealthCheckResult.Degraded($"The broker makes publishers wait: {reason}")
            : HealthCheckResult.Healthy();
    }
}
