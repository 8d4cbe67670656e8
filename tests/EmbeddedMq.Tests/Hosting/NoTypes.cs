using System.Text.Json.Serialization;

namespace EmbeddedMq.Tests.Hosting;

/// <summary>A context that knows none of the tests' messages.</summary>
[JsonSerializable(typeof(int))]
internal sealed partial class NoTypes : JsonSerializerContext;
