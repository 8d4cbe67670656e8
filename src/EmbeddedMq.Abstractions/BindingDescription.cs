namespace EmbeddedMq;

/// <summary>A binding as a listing shows it.</summary>
/// <param name="Source">The exchange that routes.</param>
/// <param name="Destination">The queue or exchange that receives.</param>
/// <param name="DestinationKind">Which of the two it is.</param>
/// <param name="RoutingKey">The binding key.</param>
/// <param name="Arguments">The arguments.</param>
public sealed record BindingDescription(string Source, string Destination, DestinationKind DestinationKind, string RoutingKey, HeaderTable Arguments);
