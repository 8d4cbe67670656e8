using System.Net.Security;
using System.Security.Authentication;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Hosting;

/// <summary>The options, checked, with the address taken apart. Immutable but for whose turn it is among the hosts; thread-safe.</summary>
internal sealed class RabbitMqSettings
{
    private readonly TlsTrust? _trust;
    private int _turn = -1;

    /// <summary>Checks options.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">One of them is out of its range or cannot be read.</exception>
    internal RabbitMqSettings(RabbitMqOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(options.Name);
        Options = options;
        UserName = options.UserName;
        Password = options.Password;
        VirtualHost = options.VirtualHost;
        UseTls = options.UseTls;
        List<string> hosts = [.. options.Hosts];
        int? port = options.Port;
        if (options.Uri is { } address)
        {
            Uri uri = ParseUri(address);
            UseTls |= uri.Scheme == "amqps";
            if (uri.Host.Length > 0)
            {
                hosts.Insert(0, uri.IsDefaultPort || uri.Port < 0 ? uri.Host : $"{uri.Host}:{uri.Port}");
            }

            string[] login = uri.UserInfo.Split(':', 2);
            UserName = login[0].Length > 0 ? Uri.UnescapeDataString(login[0]) : UserName;
            Password = login.Length > 1 ? Uri.UnescapeDataString(login[1]) : Password;

            // Without a path the virtual host stays; "/" alone would be the one with the empty name, which nobody means.
            VirtualHost = uri.AbsolutePath.Length > 1 ? Uri.UnescapeDataString(uri.AbsolutePath[1..]) : VirtualHost;
        }

        CheckRange(options);
        _trust = options.TlsAuthorityPath is { } path ? TlsTrust.Load(path) : null;
        Endpoints = [.. (hosts.Count == 0 ? ["localhost"] : hosts).Distinct(StringComparer.OrdinalIgnoreCase).Select(host => Endpoint(host, port ?? (UseTls ? 5671 : 5672)))];
        ManagementUri = options.ManagementUri is { } api ? ParseManagementUri(api) : null;
    }

    /// <summary>The options as they were given.</summary>
    internal RabbitMqOptions Options { get; }

    /// <summary>The user.</summary>
    internal string UserName { get; }

    /// <summary>The password.</summary>
    internal string Password { get; }

    /// <summary>What stands for the virtual host <c>/</c>.</summary>
    internal string VirtualHost { get; }

    /// <summary>Whether TLS is used.</summary>
    internal bool UseTls { get; }

    /// <summary>The nodes, in the order of the options.</summary>
    internal IReadOnlyList<Client.AmqpTcpEndpoint> Endpoints { get; }

    /// <summary>The address of the HTTP API, ending with a slash, or <see langword="null"/>.</summary>
    internal Uri? ManagementUri { get; }

    /// <summary>The nodes as a text for errors.</summary>
    internal string HostNames => string.Join(", ", Endpoints.Select(NameOf));

    /// <summary>A node as a text for errors.</summary>
    /// <param name="endpoint">The node.</param>
    internal static string NameOf(Client.AmqpTcpEndpoint endpoint) => $"{endpoint.HostName}:{endpoint.Port}";

    /// <summary>The virtual host that a name stands for.</summary>
    /// <param name="virtualHost">The name.</param>
    internal string Resolve(string virtualHost) => virtualHost == ConnectionOptions.DefaultVirtualHost ? VirtualHost : virtualHost;

    /// <summary>The nodes in the order in which to try them now: each time another one is the first, so that connections spread over a cluster.</summary>
    internal IEnumerable<Client.AmqpTcpEndpoint> EndpointsInTurn()
    {
        int first = (int)((uint)Interlocked.Increment(ref _turn) % (uint)Endpoints.Count);
        return Endpoints.Skip(first).Concat(Endpoints.Take(first));
    }

    /// <summary>A factory of wire connections that leaves recovery to us.</summary>
    /// <param name="virtualHost">The virtual host, resolved.</param>
    /// <param name="name">The connection's name, as the server's listings show it.</param>
    internal Client.ConnectionFactory CreateFactory(string virtualHost, string name) => new()
    {
        UserName = UserName,
        Password = Password,
        VirtualHost = virtualHost,
        ClientProvidedName = name,
        RequestedHeartbeat = Options.Heartbeat,
        RequestedConnectionTimeout = Options.ConnectionTimeout,
        HandshakeContinuationTimeout = Options.RequestTimeout,
        ContinuationTimeout = Options.RequestTimeout,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
    };

    private static Uri ParseUri(string address)
        => Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme is "amqp" or "amqps"
            ? uri
            : throw new ArgumentException($"'{Redact(address)}' is not an address of a RabbitMQ server. Write amqp://user:password@host:port/vhost, or amqps:// for TLS.", nameof(address));

    private static Uri ParseManagementUri(string address)
        => Uri.TryCreate(address.TrimEnd('/') + "/", UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
            ? uri
            : throw new ArgumentException($"'{Redact(address)}' is not the address of a server's HTTP API. Write http://host:15672, or https:// for TLS.", nameof(address));

    private static string Redact(string address)
    {
        int at = address.LastIndexOf('@');
        return at < 0 ? address : "…" + address[at..];
    }

    private static void CheckRange(RabbitMqOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Heartbeat, TimeSpan.Zero, nameof(options.Heartbeat));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.ConnectionTimeout, TimeSpan.Zero, nameof(options.ConnectionTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.RequestTimeout, TimeSpan.Zero, nameof(options.RequestTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.OutageTimeout, TimeSpan.Zero, nameof(options.OutageTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.RecoveryFirstDelay, TimeSpan.Zero, nameof(options.RecoveryFirstDelay));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.RecoveryMaxDelay, options.RecoveryFirstDelay, nameof(options.RecoveryMaxDelay));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.AutoAckWindow, 1, nameof(options.AutoAckWindow));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.AutoAckWindow, ushort.MaxValue, nameof(options.AutoAckWindow));
    }

    private Client.AmqpTcpEndpoint Endpoint(string host, int port)
    {
        Client.AmqpTcpEndpoint endpoint = Client.AmqpTcpEndpoint.Parse(host);
        if (endpoint.Port is <= 0 || !host.EndsWith($":{endpoint.Port}", StringComparison.Ordinal))
        {
            endpoint.Port = port;
        }

        endpoint.Ssl = new Client.SslOption(Options.TlsServerName ?? endpoint.HostName, Options.TlsCertificatePath ?? "", UseTls)
        {
            CertPassphrase = Options.TlsCertificatePassword ?? "",
            Version = SslProtocols.None, // the operating system's choice
            AcceptablePolicyErrors = SslPolicyErrors.None,
            CertificateValidationCallback = _trust is null ? null : _trust.Accepts,
        };
        return endpoint;
    }
}
