using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebhookRelay;

/// <summary>How webhooks are read and written: GitHub's names are snake_case, and so are the relay's own.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Webhook<JsonElement>))]
[JsonSerializable(typeof(Webhook<CodePayload>))]
[JsonSerializable(typeof(Webhook<TriagePayload>))]
[JsonSerializable(typeof(Webhook<BuildPayload>))]
[JsonSerializable(typeof(Webhook<SecurityPayload>))]
internal sealed partial class RelayJson : JsonSerializerContext;
