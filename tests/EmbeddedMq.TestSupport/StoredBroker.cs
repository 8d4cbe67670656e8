using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.TestSupport;

/// <summary>An embedded broker that stores in a folder of its own, and can be stopped and started again.</summary>
/// <remarks>Its clock goes on while it is stopped, if the test moves it.</remarks>
public sealed class StoredBroker : IAsyncDisposable
{
    private readonly Action<BrokerOptions>? _configure;
    private Broker? _broker;
    private IConnection? _connection;

    private StoredBroker(Action<BrokerOptions>? configure) => _configure = configure;

    /// <summary>The folder, removed at the end.</summary>
    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("embeddedmq-").FullName;

    /// <summary>The clock.</summary>
    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    /// <summary>The running broker.</summary>
    public Broker Broker => _broker ?? throw new InvalidOperationException("The broker is stopped.");

    /// <summary>Starts a broker in a new folder.</summary>
    /// <param name="configure">Changes its options, at each start.</param>
    public static async ValueTask<StoredBroker> StartAsync(Action<BrokerOptions>? configure = null)
    {
        StoredBroker stored = new(configure);
        await stored.StartAgainAsync();
        return stored;
    }

    /// <summary>Starts the broker that was stopped.</summary>
    public async ValueTask StartAgainAsync()
    {
        BrokerOptions options = new() { DataDirectory = Directory, TimeProvider = Time, RandomSeed = 1 };
        options.Storage.FreeSpaceWatermarkBytes = 0;
        options.Storage.ReserveBytes = 0;
        _configure?.Invoke(options);
        _broker = await Broker.StartAsync(options);
    }

    /// <summary>Stops the broker in order.</summary>
    public async ValueTask StopAsync()
    {
        _connection = null;
        if (Interlocked.Exchange(ref _broker, null) is { } broker)
        {
            await broker.DisposeAsync();
        }
    }

    /// <summary>Closes the connection of the channels, as a stop would, and goes on.</summary>
    public async ValueTask DisconnectAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            await connection.DisposeAsync();
        }
    }

    /// <summary>Stops it and starts it again.</summary>
    public async ValueTask RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    /// <summary>Opens a channel of a connection of this broker's own.</summary>
    /// <param name="mode">Whether it confirms.</param>
    public async ValueTask<IChannel> OpenChannelAsync(ChannelMode mode = ChannelMode.Confirm)
    {
        _connection ??= await Broker.ConnectAsync();
        return await _connection.OpenChannelAsync(new ChannelOptions { Mode = mode });
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
