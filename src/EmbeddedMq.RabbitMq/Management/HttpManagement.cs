using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using EmbeddedMq.RabbitMq.Errors;
using EmbeddedMq.RabbitMq.Hosting;

namespace EmbeddedMq.RabbitMq.Management;

/// <summary>An operator's calls over the HTTP API of the plugin rabbitmq_management.</summary>
/// <remarks>
/// <para>Counts in listings are the server's statistics: it takes them every few seconds (<c>collect_statistics_interval</c>), so that they are a
/// little late. JSON is read and written by hand: its tables have any keys and values, and nothing here needs reflection.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class HttpManagement : IBrokerManagement, IDisposable
{
    private readonly RabbitMqSettings _settings;
    private readonly HttpClient? _http;

    /// <summary>Makes it; nothing is called yet.</summary>
    /// <param name="settings">The options.</param>
    internal HttpManagement(RabbitMqSettings settings)
    {
        _settings = settings;
        if (settings.ManagementUri is { } address)
        {
            string login = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{settings.UserName}:{settings.Password}"));
            _http = new HttpClient { BaseAddress = new Uri(address, "api/"), Timeout = settings.Options.RequestTimeout };
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", login);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http?.Dispose();

    /// <inheritdoc/>
    /// <remarks>The broker's user is given all permissions on it, as the creator of a virtual host has on the embedded broker.</remarks>
    public async ValueTask CreateVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default)
    {
        await SendAsync(HttpMethod.Put, $"vhosts/{Escape(virtualHost)}", EmptyObject, nameof(CreateVirtualHostAsync), cancellationToken).ConfigureAwait(false);
        byte[] all = ManagementJson.Object(static json =>
        {
            json.WriteString("configure", ".*");
            json.WriteString("write", ".*");
            json.WriteString("read", ".*");
        });
        await SendAsync(
            HttpMethod.Put,
            $"permissions/{Escape(virtualHost)}/{Uri.EscapeDataString(_settings.UserName)}",
            all,
            nameof(CreateVirtualHostAsync),
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<bool> DeleteVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default)
        => TryDeleteAsync($"vhosts/{Escape(virtualHost)}", null, nameof(DeleteVirtualHostAsync), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListVirtualHostsAsync(CancellationToken cancellationToken = default)
        => await ListAsync("vhosts", static item => ManagementJson.Text(item, "name"), nameof(ListVirtualHostsAsync), cancellationToken).ConfigureAwait(false) is { } names
            ? [.. names.Order(StringComparer.Ordinal)]
            : [];

    /// <inheritdoc/>
    public async ValueTask SetPolicyAsync(string virtualHost, Policy policy, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(policy);
        byte[] body = ManagementJson.Object(json =>
        {
            json.WriteString("pattern", policy.Pattern);
            json.WriteString("apply-to", ManagementJson.NameOf(policy.ApplyTo));
            json.WriteNumber("priority", policy.Priority);
            json.WritePropertyName("definition");
            ManagementJson.Write(json, policy.Definition);
        });
        await SendAsync(HttpMethod.Put, $"policies/{Escape(virtualHost)}/{Uri.EscapeDataString(policy.Name)}", body, nameof(SetPolicyAsync), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<bool> DeletePolicyAsync(string virtualHost, string name, CancellationToken cancellationToken = default)
        => TryDeleteAsync($"policies/{Escape(virtualHost)}/{Uri.EscapeDataString(name)}", null, nameof(DeletePolicyAsync), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<Policy>> ListPoliciesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => [.. (await ListAsync($"policies/{Escape(virtualHost)}", ManagementJson.Policy, nameof(ListPoliciesAsync), cancellationToken).ConfigureAwait(false))
            .OrderBy(static policy => policy.Name, StringComparer.Ordinal)];

    /// <summary>Declares an exchange.</summary>
    /// <param name="virtualHost">The virtual host, resolved.</param>
    /// <param name="declaration">The exchange.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal async ValueTask DeclareExchangeAsync(string virtualHost, ExchangeDeclaration declaration, CancellationToken cancellationToken)
    {
        byte[] body = ManagementJson.Object(json =>
        {
            json.WriteString("type", declaration.Type);
            json.WriteBoolean("durable", declaration.IsDurable);
            json.WriteBoolean("auto_delete", declaration.IsAutoDelete);
            json.WriteBoolean("internal", declaration.IsInternal);
            json.WritePropertyName("arguments");
            ManagementJson.Write(json, declaration.Arguments);
        });
        string path = $"exchanges/{Uri.EscapeDataString(virtualHost)}/{Uri.EscapeDataString(declaration.Name)}";
        await SendAsync(HttpMethod.Put, path, body, "Declaring an internal exchange", cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<ExchangeDescription>> ListExchangesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => [.. (await ListAsync($"exchanges/{Escape(virtualHost)}", ManagementJson.Exchange, nameof(ListExchangesAsync), cancellationToken).ConfigureAwait(false))
            .OrderBy(static exchange => exchange.Name, StringComparer.Ordinal)];

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<QueueDescription>> ListQueuesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => [.. (await ListAsync($"queues/{Escape(virtualHost)}", ManagementJson.Queue, nameof(ListQueuesAsync), cancellationToken).ConfigureAwait(false))
            .OrderBy(static queue => queue.Name, StringComparer.Ordinal)];

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<BindingDescription>> ListBindingsAsync(string virtualHost, CancellationToken cancellationToken = default)
        => [.. (await ListAsync($"bindings/{Escape(virtualHost)}", ManagementJson.Binding, nameof(ListBindingsAsync), cancellationToken).ConfigureAwait(false))
            .Where(static binding => binding.Source.Length > 0)];

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<ConnectionDescription>> ListConnectionsAsync(CancellationToken cancellationToken = default)
        => await ListAsync("connections", ManagementJson.Connection, nameof(ListConnectionsAsync), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<int> CloseConnectionsAsync(string name, string reason, CancellationToken cancellationToken = default)
    {
        // The API's own name of a connection is made of its addresses; ours is among the client's properties.
        List<(string Key, string Name)> connections = await ListAsync(
            "connections",
            static item => (ManagementJson.Text(item, "name"), ManagementJson.Connection(item).Name),
            nameof(CloseConnectionsAsync),
            cancellationToken).ConfigureAwait(false);
        int closed = 0;
        foreach ((string key, _) in connections.Where(connection => connection.Name == name))
        {
            closed += await TryDeleteAsync($"connections/{Uri.EscapeDataString(key)}", reason, nameof(CloseConnectionsAsync), cancellationToken).ConfigureAwait(false) ? 1 : 0;
        }

        return closed;
    }

    /// <inheritdoc/>
    public async ValueTask ExportDefinitionsAsync(Stream destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        byte[] definitions = await SendAsync(HttpMethod.Get, "definitions", null, nameof(ExportDefinitionsAsync), cancellationToken).ConfigureAwait(false);
        await destination.WriteAsync(definitions, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <remarks>The server checks while it imports: on an error, what came before it in the file has been declared.</remarks>
    public async ValueTask ImportDefinitionsAsync(Stream source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        using MemoryStream definitions = new();
        await source.CopyToAsync(definitions, cancellationToken).ConfigureAwait(false);
        try
        {
            await SendAsync(HttpMethod.Post, "definitions", definitions.ToArray(), nameof(ImportDefinitionsAsync), cancellationToken).ConfigureAwait(false);
        }
        catch (EmbeddedMqException error) when (!error.IsTransient)
        {
            throw new DefinitionsException([error.ReplyText]);
        }
    }

    private static byte[] EmptyObject => "{}"u8.ToArray();

    private string Escape(string virtualHost)
    {
        ArgumentNullException.ThrowIfNull(virtualHost);
        return Uri.EscapeDataString(_settings.Resolve(virtualHost));
    }

    private async ValueTask<List<T>> ListAsync<T>(string path, Func<JsonElement, T> read, string call, CancellationToken cancellationToken)
    {
        byte[] answer = await SendAsync(HttpMethod.Get, path, null, call, cancellationToken).ConfigureAwait(false);
        using JsonDocument document = JsonDocument.Parse(answer);
        return [.. document.RootElement.EnumerateArray().Select(read)];
    }

    private async ValueTask<bool> TryDeleteAsync(string path, string? reason, string call, CancellationToken cancellationToken)
    {
        try
        {
            await SendAsync(HttpMethod.Delete, path, null, call, cancellationToken, reason).ConfigureAwait(false);
            return true;
        }
        catch (EmbeddedMqException error) when (error.ReplyCode == ReplyCode.NotFound)
        {
            return false;
        }
    }

    private async ValueTask<byte[]> SendAsync(HttpMethod method, string path, byte[]? body, string call, CancellationToken cancellationToken, string? reason = null)
    {
        HttpClient http = _http ?? throw RabbitMqErrors.NoManagement(call);
        using HttpRequestMessage request = new(method, path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        if (reason is not null)
        {
            request.Headers.TryAddWithoutValidation("X-Reason", reason);
        }

        try
        {
            using HttpResponseMessage response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            byte[] answer = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            return response.StatusCode switch
            {
                < HttpStatusCode.MultipleChoices => answer,
                HttpStatusCode.NotFound => throw RabbitMqErrors.ManagementRefused(ReplyCode.NotFound, ManagementJson.Reason(answer), path),
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => throw RabbitMqErrors.ManagementRefused(ReplyCode.AccessRefused, ManagementJson.Reason(answer), path),
                HttpStatusCode.BadRequest => throw RabbitMqErrors.ManagementRefused(ReplyCode.PreconditionFailed, ManagementJson.Reason(answer), path),
                _ => throw RabbitMqErrors.ManagementUnreachable(http.BaseAddress!, $"{method} {path} gave {(int)response.StatusCode} {response.ReasonPhrase}."),
            };
        }
        catch (HttpRequestException error)
        {
            throw RabbitMqErrors.ManagementUnreachable(http.BaseAddress!, error.Message, error);
        }
        catch (TaskCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw RabbitMqErrors.ManagementUnreachable(http.BaseAddress!, $"{method} {path} had no answer within {http.Timeout.TotalSeconds:0.###} s.", error);
        }
    }
}
