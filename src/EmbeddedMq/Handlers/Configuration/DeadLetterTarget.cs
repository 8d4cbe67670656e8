namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Where a consumer sends what it gives up.</summary>
/// <param name="Exchange">The exchange; empty for a queue by its name.</param>
/// <param name="RoutingKey">The routing key, or the queue.</param>
internal sealed record DeadLetterTarget(string Exchange, string RoutingKey);
