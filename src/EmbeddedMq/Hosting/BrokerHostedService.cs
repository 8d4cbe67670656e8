using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Hosting;

/// <summary>Starts and stops one broker with the application.</summary>
/// <param name="host">The broker.</param>
/// <param name="hostOptions">How long the application's stop may take.</param>
internal sealed class BrokerHostedService(BrokerHost host, IOptions<HostOptions> hostOptions) : IHostedLifecycleService
{
    /// <summary>Before any other hosted service starts: they may publish from the first moment.</summary>
    /// <param name="cancellationToken">Gives up the start.</param>
    public async Task StartingAsync(CancellationToken cancellationToken) => await host.StartAsync(cancellationToken, forConsumers: true).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>After all hosted services have started: handlers may rely on them.</summary>
    /// <param name="cancellationToken">Gives up the start.</param>
    public async Task StartedAsync(CancellationToken cancellationToken) => await host.StartConsumersAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Before any other hosted service stops, for the same reason.</summary>
    /// <param name="cancellationToken">Cancelled when the application's time to stop is over.</param>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        // A bit less than the application has: the rest of it must stop in that time, too. 24 of 30 s by default, and 3 s for cancelled handlers.
        TimeSpan timeout = hostOptions.Value.ShutdownTimeout;
        TimeSpan limit = timeout == Timeout.InfiniteTimeSpan || timeout > Backoff.MaxDelay ? Backoff.MaxDelay : timeout * 0.8;
        await host.StopConsumersAsync(limit, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>After all hosted services have stopped: they may publish until the last moment.</summary>
    /// <param name="cancellationToken">Not used: what is left to do is quick, and skipping it would hide what remains.</param>
    public async Task StoppedAsync(CancellationToken cancellationToken) => await host.DisposeAsync().ConfigureAwait(false);
}
