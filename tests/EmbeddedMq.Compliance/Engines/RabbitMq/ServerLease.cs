using System.Globalization;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.Compliance.RabbitMq;

/// <summary>The <see cref="LeasedRabbitServer"/> for the time of one test, with a virtual host and the limits that the test wants.</summary>
internal sealed class ServerLease : IAsyncDisposable
{
    private static readonly string Unlimited = SetEnvironment(new EngineOptions());

    private readonly EngineOptions _options;

    private ServerLease(RabbitServer server, string virtualHost, EngineOptions options)
    {
        Server = server;
        VirtualHost = virtualHost;
        _options = options;
    }

    /// <summary>The server.</summary>
    internal RabbitServer Server { get; }

    /// <summary>The virtual host.</summary>
    internal string VirtualHost { get; }

    private bool LimitsTheServer => _options.MaxChannelsPerConnection is not null || _options.MaxMessageBytes is not null || _options.AcknowledgementTimeout is not null;

    /// <summary>Waits for the server, and sets it up.</summary>
    /// <param name="virtualHost">The name of the virtual host to make.</param>
    /// <param name="options">What the test wants. A limit of consumers is left out: RabbitMQ 3.10 has none.</param>
    internal static async Task<ServerLease> TakeAsync(string virtualHost, EngineOptions options)
    {
        RabbitServer server = await LeasedRabbitServer.GetAsync();
        await LeasedRabbitServer.Place.WaitAsync();
        ServerLease lease = new(server, virtualHost, options);
        try
        {
            await lease.SetUpAsync();
            return lease;
        }
        catch
        {
            await lease.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_options.MemoryAlarm)
            {
                await Server.ClearMemoryAlarmAsync();
            }

            if (LimitsTheServer)
            {
                await Server.ControlAsync("eval", Unlimited);
            }
        }
        finally
        {
            LeasedRabbitServer.Place.Release();
        }
    }

    private async Task SetUpAsync()
    {
        await Server.ControlAsync("eval", string.Create(CultureInfo.InvariantCulture, $$"""
            V = <<"{{VirtualHost}}">>, U = <<"test">>, A = <<".*">>,
            rabbit_vhost:add(V, U),
            rabbit_auth_backend_internal:set_permissions(<<"guest">>, V, A, A, A, U),
            rabbit_vhost_limit:set(V, [{<<"max-queues">>, {{_options.MaxQueues ?? -1}}}, {<<"max-connections">>, {{_options.MaxConnections ?? -1}}}], U),
            {{SetEnvironment(_options)}}
            """));
    }

    // What is not wanted is the server's default. A channel looks at its deliveries once a tick.
    private static string SetEnvironment(EngineOptions options) => string.Create(CultureInfo.InvariantCulture, $"""
        application:set_env(rabbit, channel_max, {options.MaxChannelsPerConnection ?? 2047}),
        application:set_env(rabbit, max_message_size, {options.MaxMessageBytes ?? 134_217_728}),
        application:set_env(rabbit, consumer_timeout, {options.AcknowledgementTimeout?.TotalMilliseconds ?? 1_800_000}),
        application:set_env(rabbit, channel_tick_interval, {options.AcknowledgementTimeout?.TotalMilliseconds ?? 60_000}).
        """);
}
