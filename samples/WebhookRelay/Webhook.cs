using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace WebhookRelay;

/// <summary>One GitHub event, as it travels through the broker: the envelope, and GitHub's own JSON as its payload.</summary>
/// <typeparam name="TPayload">What a consumer reads of the payload; it names only the parts that it needs.</typeparam>
/// <param name="Id">GitHub's delivery id (header <c>X-GitHub-Delivery</c>).</param>
/// <param name="Event">The kind of event (header <c>X-GitHub-Event</c>): <c>push</c>, <c>pull_request</c> …</param>
/// <param name="Action">What happened: <c>opened</c>, <c>closed</c> …; some events have none.</param>
/// <param name="Repository"><c>owner/name</c>; events of an organization or a user have none.</param>
/// <param name="Payload">GitHub's JSON.</param>
internal sealed record Webhook<TPayload>(string Id, string Event, string? Action, string? Repository, TPayload Payload);

/// <summary>Checks what came from outside, over HTTP or from a file, before it becomes a message.</summary>
internal static class Webhook
{
    /// <summary>Whether it can be routed; if not, the error says why in a sentence for the sender.</summary>
    public static bool IsValid(Webhook<JsonElement> webhook, [NotNullWhen(false)] out string? error)
    {
        error = Check(webhook);
        return error is null;
    }

    /// <summary>Reads action and repository out of a payload, as GitHub puts them there.</summary>
    public static Webhook<JsonElement> FromPayload(string id, string name, JsonElement payload) => new(
        id,
        name,
        TextOrNull(payload, "action"),
        payload.ValueKind == JsonValueKind.Object && payload.TryGetProperty("repository", out JsonElement repository) ? TextOrNull(repository, "full_name") : null,
        payload);

    private static string? Check(Webhook<JsonElement> webhook)
    {
        // Members that JSON left out are null, whatever their types say.
        if (string.IsNullOrEmpty(webhook.Id) || Encoding.UTF8.GetByteCount(webhook.Id) > 255)
        {
            return "The delivery id must be 1 to 255 bytes long.";
        }

        if (string.IsNullOrEmpty(webhook.Event) || !webhook.Event.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'))
        {
            return $"The event must be a name of lower-case letters, digits and underscores, not '{webhook.Event}'.";
        }

        if (webhook.Repository is { } repository && (repository.Split('/') is not [{ Length: > 0 }, { Length: > 0 }]))
        {
            return $"The repository must be owner/name, not '{repository}'.";
        }

        if (webhook.Payload.ValueKind != JsonValueKind.Object)
        {
            return $"The payload must be a JSON object, not {webhook.Payload.ValueKind switch
            {
                JsonValueKind.Undefined => "missing",
                JsonValueKind kind => kind.ToString().ToLowerInvariant(),
            }}.";
        }

        int keyBytes = Encoding.UTF8.GetByteCount(RoutingKey.Of(webhook));
        return keyBytes > 255 ? $"Event, action and repository make a routing key of {keyBytes} bytes; 255 is the most." : null;
    }

    private static string? TextOrNull(JsonElement element, string name)
        => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
