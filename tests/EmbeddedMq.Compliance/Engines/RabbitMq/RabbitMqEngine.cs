using System.Diagnostics;
using EmbeddedMq.TestSupport.Servers;

[assembly: AssemblyFixture(typeof(SharedRabbitServer))]
[assembly: AssemblyFixture(typeof(EmbeddedMq.Compliance.RabbitMq.LeasedRabbitServer))]

namespace EmbeddedMq.Compliance.RabbitMq;

/// <summary>A real RabbitMQ server, one for all tests, in real time. Without one its tests are skipped.</summary>
public sealed class RabbitMqEngine : ComplianceEngine
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Margin = TimeSpan.FromMilliseconds(60); // the server's timers, and the way there and back
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private static int _names;

    private IBroker? _broker;
    private ServerLease? _lease;

    /// <inheritdoc/>
    public override EngineCapabilities Capabilities
        => EngineCapabilities.VirtualHosts | EngineCapabilities.Listings | EngineCapabilities.Policies | EngineCapabilities.Definitions
            | EngineCapabilities.MemoryAlarm | EngineCapabilities.Limits
            | EngineCapabilities.ConsistentHashExchange | EngineCapabilities.RandomExchange | EngineCapabilities.DeliveryLimit;

    /// <inheritdoc/>
    public override string VirtualHost => _lease?.VirtualHost ?? ConnectionOptions.DefaultVirtualHost;

    /// <inheritdoc/>
    public override TimeProvider Clock => TimeProvider.System;

    /// <inheritdoc/>
    /// <remarks>With the shared server for most tests; a test that changes what is the whole server's has another one for as long as it runs.</remarks>
    public override async ValueTask<IBroker> StartAsync(EngineOptions options)
    {
        RabbitServer server;
        if (options == new EngineOptions())
        {
            server = await SharedRabbitServer.GetAsync();
        }
        else
        {
            _lease = await ServerLease.TakeAsync(UniqueName("limited"), options);
            server = _lease.Server;
        }

        _broker = await RabbitMqBroker.StartAsync(server.ToOptions());
        return new LateListingsBroker(_broker);
    }

    /// <inheritdoc/>
    public override async ValueTask RaiseMemoryAlarmAsync() => await _lease!.Server.RaiseMemoryAlarmAsync();

    /// <inheritdoc/>
    public override async ValueTask ClearMemoryAlarmAsync() => await _lease!.Server.ClearMemoryAlarmAsync();

    /// <inheritdoc/>
    public override string UniqueName(string stem) => $"{stem}-{Interlocked.Increment(ref _names)}";

    /// <summary>Waits: a server has no clock but its own.</summary>
    /// <param name="time">How long.</param>
    public override async ValueTask AdvanceAsync(TimeSpan time)
    {
        Assert.SkipWhen(time > Longest, $"The server would have to be waited for {time}.");
        await Task.Delay(time + Margin, TimeProvider.System);
    }

    /// <summary>Waits for what the server sends by itself. That the wait was too short can hide a fault, never make one.</summary>
    public override async ValueTask SettleAsync() => await Task.Delay(Settling, TimeProvider.System);

    /// <inheritdoc/>
    public override async ValueTask<bool> UntilAsync(Func<ValueTask<bool>> condition)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!await condition())
        {
            if (waited.Elapsed > Patience)
            {
                return false;
            }

            await Task.Delay(Interval, TimeProvider.System);
        }

        return true;
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        if (_lease is not null)
        {
            await _lease.DisposeAsync();
        }
    }
}
