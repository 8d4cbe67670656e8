using EmbeddedMq.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace EmbeddedMq;

/// <summary>Adds the health of brokers to an application's health checks.</summary>
public static class EmbeddedMqHealthChecksBuilderExtensions
{
    /// <summary>Checks a broker: unhealthy when it does not run, a consumer does not consume, its storage fails or a queue's messages cannot be read;
    /// degraded while the disk is nearly full or publishers are made to wait.</summary>
    /// <param name="builder">The application's health checks.</param>
    /// <param name="brokerName">The name it was registered with; <see langword="null"/> for the default broker.</param>
    /// <param name="name">The check's name; <see langword="null"/> means <c>embeddedmq</c>, or <c>embeddedmq.name</c> for a named broker.</param>
    /// <param name="failureStatus">What to report instead of unhealthy.</param>
    /// <param name="tags">Tags of the check.</param>
    public static IHealthChecksBuilder AddEmbeddedMq(
        this IHealthChecksBuilder builder, string? brokerName = null, string? name = null, HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        string key = brokerName ?? Options.DefaultName;
        return builder.Add(new HealthCheckRegistration(
            name ?? (key.Length == 0 ? "embeddedmq" : $"embeddedmq.{key}"),
            provider => new BrokerHealthCheck(provider.GetRequiredKeyedService<BrokerHost>(key)),
            failureStatus,
            tags));
    }
}
