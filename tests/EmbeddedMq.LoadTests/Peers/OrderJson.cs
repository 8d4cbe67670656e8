using System.Text.Json.Serialization;
using EmbeddedMq.LoadTests.Peers.Buses;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>The generated serializer of S8.</summary>
[JsonSerializable(typeof(Order))]
internal sealed partial class OrderJson : JsonSerializerContext;
