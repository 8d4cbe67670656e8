using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Peers.Buses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S8 with EmbeddedMq: <see cref="IPublisher"/>, JSON, a queue, a scope and a handler out of the container for each message.</summary>
/// <remarks>As many handlers at once as there are cores, as with the buses; a prefetch of 1,024. System.Text.Json with a generated context.</remarks>
internal sealed class EmbeddedBus : IAsyncDisposable
{
    private readonly Arrivals _arrivals = new();
    private readonly IHost _host;

    private EmbeddedBus(bool isIdempotent, string? directory)
    {
        HostApplicationBuilder builder = Hosts.NewBuilder();
        builder.Services.AddSingleton(_arrivals);
        builder.Services.AddEmbeddedMq(mq =>
        {
            if (directory is not null)
            {
                mq.UseStorage(directory);
            }

            mq.UseJson(OrderJson.Default)
                .Topology(topology => topology.Queue("orders", queue => queue with { IsDurable = directory is not null }))
                .Publish<Order>(route => route.ToQueue("orders").Persistent(directory is not null))
                .Consume<Order, Handler>("orders", consumer =>
                {
                    consumer.Concurrency(Environment.ProcessorCount).Prefetch(1_024);
                    if (isIdempotent)
                    {
                        consumer.Idempotent();
                    }
                });
        });
        _host = builder.Build();
    }

    /// <summary>Starts it.</summary>
    /// <param name="isIdempotent">Whether each message is checked against what was processed before.</param>
    /// <param name="directory">Where it stores messages and marks; <see langword="null"/>: in memory.</param>
    internal static async Task<EmbeddedBus> StartAsync(bool isIdempotent, string? directory = null)
    {
        EmbeddedBus bus = new(isIdempotent, directory);
        await bus._host.StartAsync();
        return bus;
    }

    /// <summary>One publisher that awaits each publish.</summary>
    internal Task<Outcome> OrderAsync(long count, LatencyHistogram latencies)
    {
        IPublisher publisher = _host.Services.GetRequiredService<IPublisher>();
        int id = 0;
        return PublishingLoop.RunAsync(1, count, 1, _arrivals, () => () => publisher.PublishAsync(Order.New(++id)), latencies);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private sealed class Handler(Arrivals arrivals) : IMessageHandler<Order>
    {
        public ValueTask HandleAsync(Order message, IMessageContext context, CancellationToken cancellationToken)
        {
            arrivals.Signal();
            return ValueTask.CompletedTask;
        }
    }
}
