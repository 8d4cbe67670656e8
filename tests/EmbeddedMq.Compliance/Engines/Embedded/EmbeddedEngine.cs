using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Compliance.Embedded;

/// <summary>The broker of this repository, in memory and in virtual time, one for each test.</summary>
public class EmbeddedEngine : ComplianceEngine
{
    private const int BallastBytes = 4 * 1024 * 1024;
    private const string BallastQueue = "ballast";

    private static int _names;

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2024, 2, 29, 12, 0, 0, TimeSpan.Zero));
    private IBroker? _broker;

    /// <inheritdoc/>
    public override EngineCapabilities Capabilities => EngineCapabilities.All;

    /// <inheritdoc/>
    public override string VirtualHost => ConnectionOptions.DefaultVirtualHost;

    /// <inheritdoc/>
    public override TimeProvider Clock => _time;

    /// <inheritdoc/>
    public override async ValueTask<IBroker> StartAsync(EngineOptions options)
    {
        BrokerOptions brokerOptions = new() { TimeProvider = _time, RandomSeed = 20240229 };
        BrokerLimits limits = brokerOptions.Limits;
        limits.MaxConnections = options.MaxConnections ?? limits.MaxConnections;
        limits.MaxChannelsPerConnection = options.MaxChannelsPerConnection ?? limits.MaxChannelsPerConnection;
        limits.MaxConsumersPerChannel = options.MaxConsumersPerChannel ?? limits.MaxConsumersPerChannel;
        limits.MaxQueuesPerVirtualHost = options.MaxQueues ?? limits.MaxQueuesPerVirtualHost;
        limits.MaxMessageBytes = options.MaxMessageBytes ?? limits.MaxMessageBytes;
        limits.AcknowledgementTimeout = options.AcknowledgementTimeout ?? limits.AcknowledgementTimeout;
        if (options.MemoryAlarm)
        {
            brokerOptions.MemoryHighWatermarkBytes = BallastBytes / 2;
        }

        Configure(brokerOptions);

        return _broker = await Broker.StartAsync(brokerOptions);
    }

    /// <inheritdoc/>
    public override string UniqueName(string stem) => $"{stem}-{Interlocked.Increment(ref _names)}";

    /// <inheritdoc/>
    public override ValueTask AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return ValueTask.CompletedTask;
    }

    /// <summary>Nothing is under way once a call has returned, but a reader that waited is resumed on the pool: it gets its turn here.
    /// That a turn came too early can hide a fault, never make one.</summary>
    public override async ValueTask SettleAsync()
    {
        for (int i = 0; i < 3; i++)
        {
            await Task.Yield();
        }
    }

    /// <summary>Asks once: every effect of an awaited call is visible when it returns.</summary>
    /// <param name="condition">The condition.</param>
    public override ValueTask<bool> UntilAsync(Func<ValueTask<bool>> condition) => condition();

    /// <inheritdoc/>
    public override ValueTask RaiseMemoryAlarmAsync()
        => OnBallastAsync(static async channel => await channel.PublishAsync("", BallastQueue, new Message(new byte[BallastBytes])));

    /// <inheritdoc/>
    public override ValueTask ClearMemoryAlarmAsync() => OnBallastAsync(static async channel => await channel.PurgeQueueAsync(BallastQueue));

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    /// <summary>Changes the broker's options.</summary>
    /// <param name="options">The options.</param>
    protected virtual void Configure(BrokerOptions options)
    {
    }

    // A connection of its own: the one that publishes beyond the watermark is blocked from then on.
    private async ValueTask OnBallastAsync(Func<IChannel, ValueTask> act)
    {
        IConnection connection = await _broker!.ConnectAsync();
        await using (connection)
        {
            IChannel channel = await connection.OpenChannelAsync();
            await channel.DeclareQueueAsync(BallastQueue);
            await act(channel);
        }
    }
}
