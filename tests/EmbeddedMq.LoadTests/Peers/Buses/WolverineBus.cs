using EmbeddedMq.LoadTests.Measuring;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Wolverine;

namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>Wolverine 6 with local queues: objects by reference, nothing is serialized.</summary>
/// <remarks>Buffered queues, which are its default and its fastest, with as many handlers at once as there are cores. One node, no message store.
/// A
/// request goes to a queue and so does its answer; <c>InvokeAsync</c> would call the handler without any queue.</remarks>
internal sealed class WolverineBus : Bus
{
    private readonly Answers _answers = new();
    private readonly IHost _host;

    private WolverineBus()
    {
        HostApplicationBuilder builder = Hosts.NewBuilder();
        builder.Services.AddSingleton(Arrivals);
        builder.Services.AddSingleton(_answers);
        builder.UseWolverine(static options =>
        {
            options.Durability.Mode = DurabilityMode.Solo;
            options.Discovery.DisableConventionalDiscovery().IncludeType(typeof(WolverineHandlers)).IncludeType<WolverineOrderHandler>();
            options.PublishMessage<Parcel>().ToLocalQueue("load");
            options.PublishMessage<Question>().ToLocalQueue("questions");
            options.PublishMessage<Answer>().ToLocalQueue("answers");
            options.PublishMessage<Order>().ToLocalQueue("orders");
            foreach (string queue in new[] { "load", "questions", "answers", "orders" })
            {
                options.LocalQueue(queue).BufferedInMemory().MaximumParallelMessages(Environment.ProcessorCount);
            }

            for (int i = 0; i < Queues; i++)
            {
                options.PublishMessage<Broadcast>().ToLocalQueue($"fan-{i}");
                options.LocalQueue($"fan-{i}").BufferedInMemory().MaximumParallelMessages(Environment.ProcessorCount);
            }
        });
        _host = builder.Build();
    }

    internal static async Task<WolverineBus> StartAsync()
    {
        WolverineBus bus = new();
        await bus._host.StartAsync();
        return bus;
    }

    internal override Task<Outcome> AskAsync(long count, LatencyHistogram latencies)
    {
        IMessageBus bus = NewBus();
        Question question = Question.New();
        return PublishingLoop.AskAsync(
            count,
            async () =>
            {
                Task answered = _answers.Expect();
                await bus.PublishAsync(question);
                await answered;
            },
            latencies);
    }

    public override async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    protected override Func<ValueTask> NewSender()
    {
        IMessageBus bus = NewBus();
        Parcel parcel = Parcel.New();
        return () => bus.PublishAsync(parcel);
    }

    protected override Func<ValueTask> NewBroadcaster()
    {
        IMessageBus bus = NewBus();
        Broadcast broadcast = Broadcast.New();
        return () => bus.PublishAsync(broadcast);
    }

    protected override Func<ValueTask> NewOrderer()
    {
        IMessageBus bus = NewBus();
        int id = 0;
        return () => bus.PublishAsync(Order.New(++id));
    }

    // One a publisher, as for one request of a web application.
    private IMessageBus NewBus() => _host.Services.CreateScope().ServiceProvider.GetRequiredService<IMessageBus>();
}
