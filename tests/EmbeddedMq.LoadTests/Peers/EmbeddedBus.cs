using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Peers.Buses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S8 with EmbeddedMq: <see cref="IPublisher"/>, JSON, a queue, a scope and a handler out of the container for each message.</summary>
/// <remarks>System.Text.Json with a generated context, a prefetch of 1,024. In memory each publish is awaited before the next, and there are as many
/// handlers at once as cores, as with the buses. On disk 256 confirms may be outstanding and as many handlers wait for the disk: one sync serves all.</remarks>
internal sealed class EmbeddedBus : IAsyncDisposable
{
    private const int DurableWindow = 256;

    private readonly Arrivals _arrivals = new();
    private readonly IHost _host;
    private readonly bool _isDurable;

    private EmbeddedBus(bool isIdempotent, bool isByReference, string? directory)
    {
        _isDurable = directory is not null;
        HostApplicationBuilder builder = Hosts.NewBuilder();
        builder.Services.AddSingleton(_arrivals);
        builder.Services.AddEmbeddedMq(mq =>
        {
            if (directory is not null)
            {
                mq.UseStorage(directory);
            }

            mq.UseJson(OrderJson.Default)
                .Topology(topology => topology.Queue("orders", queue => queue with { IsDurable = _isDurable }))
                .Publish<Order>(route =>
                {
                    route.ToQueue("orders").Persistent(_isDurable);
                    if (isByReference)
                    {
                        route.ByReference();
                    }
                })
                .Consume<Order, Handler>("orders", consumer =>
                {
                    consumer.Concurrency(_isDurable ? DurableWindow : Environment.ProcessorCount).Prefetch(1_024);
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
    /// <param name="isByReference">Whether the handlers get the objects that were published, without JSON.</param>
    /// <param name="directory">Where it stores messages and marks; <see langword="null"/>: in memory.</param>
    internal static async Task<EmbeddedBus> StartAsync(bool isIdempotent, bool isByReference = false, string? directory = null)
    {
        EmbeddedBus bus = new(isIdempotent, isByReference, directory);
        await bus._host.StartAsync();
        return bus;
    }

    /// <summary>One publisher.</summary>
    internal Task<Outcome> OrderAsync(long count, LatencyHistogram latencies) => PublishingLoop.RunAsync(1, count, 1, _arrivals, NewSender, latencies);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private Func<ValueTask> NewSender()
    {
        IPublisher publisher = _host.Services.GetRequiredService<IPublisher>();
        int id = 0;
        if (!_isDurable)
        {
            return () => publisher.PublishAsync(Order.New(++id));
        }

        // The last ones need not be awaited: their handlers are.
        Queue<Task> outstanding = new(DurableWindow);
        return async () =>
        {
            if (outstanding.Count == DurableWindow)
            {
                await outstanding.Dequeue();
            }

            outstanding.Enqueue(publisher.PublishAsync(Order.New(++id)).AsTask());
        };
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
