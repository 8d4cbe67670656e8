using EmbeddedMq.LoadTests.Measuring;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>MassTransit 8 with its in-memory transport.</summary>
/// <remarks>Its defaults throughout: System.Text.Json in an envelope, prefetch and concurrency by the number of cores. Its mediator is faster and no
/// queue: it calls the handler. S1 to S4 have handlers that are functions, which spares a scope and a consumer for each message.</remarks>
internal sealed class MassTransitBus : Bus
{
    private readonly ServiceProvider _services;
    private readonly IBusControl _bus;

    private MassTransitBus()
    {
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton(Arrivals);
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.AddConsumer<OrderConsumer>();
            bus.UsingInMemory((context, memory) =>
            {
                memory.ReceiveEndpoint("load", endpoint => endpoint.Handler<Parcel>(_ => CountAsync()));
                memory.ReceiveEndpoint("questions", static endpoint => endpoint.Handler<Question>(static question => question.RespondAsync(Answer.New())));
                memory.ReceiveEndpoint("orders", endpoint => endpoint.ConfigureConsumer<OrderConsumer>(context));
                for (int i = 0; i < Queues; i++)
                {
                    memory.ReceiveEndpoint($"fan-{i}", endpoint => endpoint.Handler<Broadcast>(_ => CountAsync()));
                }
            });
        });
        _services = services.BuildServiceProvider();
        _bus = _services.GetRequiredService<IBusControl>();
    }

    internal static async Task<MassTransitBus> StartAsync()
    {
        MassTransitBus bus = new();
        await bus._bus.StartAsync();
        return bus;
    }

    internal override Task<Outcome> AskAsync(long count, LatencyHistogram latencies)
    {
        IRequestClient<Question> client = _bus.CreateRequestClient<Question>(new Uri("queue:questions"));
        Question question = Question.New();
        return PublishingLoop.AskAsync(count, async () => await client.GetResponse<Answer>(question), latencies);
    }

    public override async ValueTask DisposeAsync()
    {
        await _bus.StopAsync();
        await _services.DisposeAsync();
    }

    protected override Func<ValueTask> NewSender()
    {
        Task<ISendEndpoint> endpoint = _bus.GetSendEndpoint(new Uri("queue:load"));
        Parcel parcel = Parcel.New();
        return async () => await (await endpoint).Send(parcel);
    }

    protected override Func<ValueTask> NewBroadcaster()
    {
        Broadcast broadcast = Broadcast.New();
        return () => new ValueTask(_bus.Publish(broadcast));
    }

    protected override Func<ValueTask> NewOrderer()
    {
        int id = 0;
        return () => new ValueTask(_bus.Publish(Order.New(++id)));
    }

    private Task CountAsync()
    {
        Arrivals.Signal();
        return Task.CompletedTask;
    }

    private sealed class OrderConsumer(Arrivals arrivals) : IConsumer<Order>
    {
        public Task Consume(ConsumeContext<Order> context)
        {
            arrivals.Signal();
            return Task.CompletedTask;
        }
    }
}
