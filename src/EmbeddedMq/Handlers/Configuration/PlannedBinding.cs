namespace EmbeddedMq.Handlers.Configuration;

/// <summary>A binding to declare.</summary>
/// <param name="Kind">Whether the destination is a queue or an exchange.</param>
/// <param name="Destination">The queue or exchange that receives.</param>
/// <param name="Source">The exchange that routes.</param>
/// <param name="RoutingKey">Binding key.</param>
/// <param name="Arguments">Arguments.</param>
internal sealed record PlannedBinding(DestinationKind Kind, string Destination, string Source, string RoutingKey, HeaderTable? Arguments);
