using System.Text.Json;
using EmbeddedMq;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace WebhookRelay;

/// <summary><c>POST /webhooks</c>: checks a webhook, publishes it, and answers 202 once the broker is responsible for it.</summary>
internal static class WebhookEndpoint
{
    public static async Task HandleAsync(HttpContext http)
    {
        RelayOptions options = http.RequestServices.GetRequiredService<IOptions<RelayOptions>>().Value;
        IPublisher publisher = http.RequestServices.GetRequiredService<IPublisher>();
        (int status, string text) = await AcceptAsync(http.Request, options, publisher, http.RequestAborted);
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            http.Response.Headers.RetryAfter = "10";
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        await http.Response.WriteAsync(text + "\n", http.RequestAborted);
    }

    private static async ValueTask<(int Status, string Text)> AcceptAsync(
        HttpRequest request, RelayOptions options, IPublisher publisher, CancellationToken cancellationToken)
    {
        if (!request.HasJsonContentType())
        {
            return (StatusCodes.Status415UnsupportedMediaType, "Send application/json: choose it as the content type in the webhook's settings.");
        }

        if (request.Headers["X-GitHub-Event"] is not [{ Length: > 0 } name] || request.Headers["X-GitHub-Delivery"] is not [{ Length: > 0 } id])
        {
            return (StatusCodes.Status400BadRequest, "Send the headers X-GitHub-Event and X-GitHub-Delivery, once each.");
        }

        byte[]? body = await ReadBodyAsync(request, options.MaxBodyBytes, cancellationToken);
        if (body is null)
        {
            return (StatusCodes.Status413PayloadTooLarge, $"The body is larger than {options.MaxBodyBytes} bytes.");
        }

        // Before anything is read out of the body: who did not sign it is not told what is wrong with it.
        if (options.Secret.Length > 0)
        {
            if (request.Headers["X-Hub-Signature-256"] is not [{ } signature])
            {
                return (StatusCodes.Status401Unauthorized, "Sign the body: the header X-Hub-Signature-256 is missing. Set the webhook's secret.");
            }

            if (!WebhookSignature.IsValid(options.Secret, body, signature))
            {
                return (StatusCodes.Status401Unauthorized, "The signature in X-Hub-Signature-256 does not fit the body and the secret.");
            }
        }

        Webhook<JsonElement> webhook;
        try
        {
            webhook = Webhook.FromPayload(id, name, JsonSerializer.Deserialize(body, RelayJson.Default.JsonElement));
        }
        catch (JsonException error)
        {
            return (StatusCodes.Status400BadRequest, $"The body is not JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}.");
        }

        if (!Webhook.IsValid(webhook, out string? mistake))
        {
            return (StatusCodes.Status400BadRequest, mistake);
        }

        try
        {
            await publisher.PublishAsync(webhook, cancellationToken: cancellationToken);
        }
        catch (EmbeddedMqException error)
        {
            // The archive is full, or the relay is stopping. GitHub keeps the delivery and can repeat it; queues that have handled it by then take no notice.
            return (StatusCodes.Status503ServiceUnavailable, $"Not accepted, try again later: {error.Message}");
        }

        return (StatusCodes.Status202Accepted, $"Accepted {webhook.Id} as {RoutingKey.Of(webhook)}.");
    }

    private static async ValueTask<byte[]?> ReadBodyAsync(HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
        {
            return null;
        }

        // Counted here: the server's own limit counts the framing of a chunked body as well.
        request.HttpContext.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
        using MemoryStream body = new();
        byte[] buffer = new byte[16 * 1024];
        while (await request.Body.ReadAsync(buffer, cancellationToken) is int read and > 0)
        {
            body.Write(buffer, 0, read);
            if (body.Length > maxBytes)
            {
                return null;
            }
        }

        return body.ToArray();
    }
}
