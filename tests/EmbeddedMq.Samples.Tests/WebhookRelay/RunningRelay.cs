using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using WebhookRelay;

namespace EmbeddedMq.Samples.Tests.WebhookRelay;

/// <summary>The relay, listening on a port of its own, and a client of it.</summary>
internal sealed class RunningRelay : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly HttpClient _client;

    private RunningRelay(WebApplication application, Uri address)
    {
        _application = application;
        _client = new HttpClient { BaseAddress = address };
    }

    public IServiceProvider Services => _application.Services;

    public static async Task<RunningRelay> StartAsync(params string[] settings)
    {
        WebApplication application = RelayServer.Create(["--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default", "Critical", .. settings]);
        await application.StartAsync();
        string address = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new RunningRelay(application, new Uri(address));
    }

    /// <summary>Posts a webhook as GitHub does; a header whose value is <see langword="null"/> is left out.</summary>
    public async Task<(int Status, string Text)> PostAsync(HttpContent body, string? name = "push", string? id = "delivery-1", string? signature = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/webhooks") { Content = body };
        foreach ((string header, string? value) in new[] { ("X-GitHub-Event", name), ("X-GitHub-Delivery", id), ("X-Hub-Signature-256", signature) })
        {
            if (value is not null)
            {
                request.Headers.Add(header, value);
            }
        }

        using HttpResponseMessage response = await _client.SendAsync(request);
        return ((int)response.StatusCode, (await response.Content.ReadAsStringAsync()).TrimEnd('\n'));
    }

    public Task<(int Status, string Text)> PostJsonAsync(string json, string? name = "push", string? id = "delivery-1", string? signature = null)
        => PostAsync(Json(System.Text.Encoding.UTF8.GetBytes(json)), name, id, signature);

    public static ByteArrayContent Json(byte[] body) => new(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    public async Task<string> GetAsync(string path) => await _client.GetStringAsync(path);

    /// <summary>What a queue has handled, by event, as <c>/summary</c> tells it.</summary>
    public async Task<IReadOnlyDictionary<string, long>> HandledAsync(string queue)
    {
        using JsonDocument summary = JsonDocument.Parse(await GetAsync("/summary"));
        return summary.RootElement.GetProperty(queue).GetProperty("handled").EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.GetInt64());
    }

    /// <summary>Completes when the queues have handled so many deliveries in all.</summary>
    public async Task WhenHandledAsync(long deliveries)
    {
        Tally tally = Services.GetRequiredService<Tally>();
        while (true)
        {
            Task change = tally.NextChange();
            if (tally.Total >= deliveries)
            {
                return;
            }

            await change.WaitAsync(TimeSpan.FromMinutes(3));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _application.StopAsync();
        await _application.DisposeAsync();
    }
}
