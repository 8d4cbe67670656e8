using EmbeddedMq.LoadTests.Measuring;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Rebus.Activation;
using Rebus.Backoff;
using Rebus.Bus;
using Rebus.Config;
using Rebus.Handlers;
using Rebus.Serialization.Json;
using Rebus.Transport.InMem;

namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>Rebus 8 with its in-memory transport.</summary>
/// <remarks>System.Text.Json, which is faster than its default, Newtonsoft.Json; a worker for each core and 20 handlers at once, which is its
/// default. S1 to S4 have handlers that are functions; S8 has a container. Each queue is a bus of its own, as Rebus has it.</remarks>
internal sealed class RebusBus : Bus
{
    private const int Parallelism = 20;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(0.1);

    private readonly InMemNetwork _network = new(); // holds subscriptions, too
    private readonly List<BuiltinHandlerActivator> _activators = [];
    private readonly IHost _host;
    private readonly IBus _bus;

    private RebusBus()
    {
        _bus = Start("load", activator => activator.Handle<Parcel>(_ => CountAsync()));
        HostApplicationBuilder builder = Hosts.NewBuilder();
        builder.Services.AddSingleton(Arrivals);
        builder.Services.AddRebus(configurer => Configure(configurer, "orders"));
        builder.Services.AddRebusHandler<OrderHandler>();
        _host = builder.Build();
    }

    internal static async Task<RebusBus> StartAsync()
    {
        RebusBus bus = new();
        for (int i = 0; i < Queues; i++)
        {
            await bus.Start($"fan-{i}", activator => activator.Handle<Broadcast>(_ => bus.CountAsync())).Subscribe<Broadcast>();
        }

        await bus._host.StartAsync();
        return bus;
    }

    /// <inheritdoc/>
    /// <remarks>Its workers poll, and wait between polls that find nothing: as briefly as can be here. So these two live only while they are measured.</remarks>
    internal override async Task<Outcome> AskAsync(long count, LatencyHistogram latencies)
    {
        Answers answers = new();
        using BuiltinHandlerActivator answering = new();
        using BuiltinHandlerActivator asking = new();
        answering.Handle<Question>(static (bus, _) => bus.Reply(Answer.New()));
        asking.Handle<Answer>(_ =>
        {
            answers.Signal();
            return Task.CompletedTask;
        });
        Configure(Rebus.Config.Configure.With(answering), "answering", ShortestPause).Start();
        IBus bus = Configure(Rebus.Config.Configure.With(asking), "asking", ShortestPause).Start();
        Question question = Question.New();
        return await PublishingLoop.AskAsync(
            count,
            async () =>
            {
                Task answered = answers.Expect();
                await bus.Advanced.Routing.Send("answering", question);
                await answered;
            },
            latencies);
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (BuiltinHandlerActivator activator in _activators)
        {
            activator.Dispose();
        }

        await _host.StopAsync();
        _host.Dispose();
    }

    protected override Func<ValueTask> NewSender()
    {
        Parcel parcel = Parcel.New();
        return () => new ValueTask(_bus.SendLocal(parcel));
    }

    protected override Func<ValueTask> NewBroadcaster()
    {
        Broadcast broadcast = Broadcast.New();
        return () => new ValueTask(_bus.Publish(broadcast));
    }

    protected override Func<ValueTask> NewOrderer()
    {
        IBus bus = _host.Services.GetRequiredService<IBus>();
        int id = 0;
        return () => new ValueTask(bus.SendLocal(Order.New(++id)));
    }

    private IBus Start(string queue, Action<BuiltinHandlerActivator> handle)
    {
        BuiltinHandlerActivator activator = new();
        _activators.Add(activator);
        handle(activator);
        return Configure(Rebus.Config.Configure.With(activator), queue).Start();
    }

    private RebusConfigurer Configure(RebusConfigurer configurer, string queue, TimeSpan? pause = null) => configurer
        .Logging(static logging => logging.None())
        .Transport(transport => transport.UseInMemoryTransport(_network, queue))
        .Serialization(static serialization => serialization.UseSystemTextJson())
        .Options(options =>
        {
            options.SetNumberOfWorkers(Environment.ProcessorCount);
            options.SetMaxParallelism(Parallelism);
            if (pause is { } time)
            {
                options.SetBackoffTimes(time);
            }
        });

    private Task CountAsync()
    {
        Arrivals.Signal();
        return Task.CompletedTask;
    }

    private sealed class OrderHandler(Arrivals arrivals) : IHandleMessages<Order>
    {
        public Task Handle(Order message)
        {
            arrivals.Signal();
            return Task.CompletedTask;
        }
    }
}
