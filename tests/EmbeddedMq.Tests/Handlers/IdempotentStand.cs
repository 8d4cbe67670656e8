using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>A broker with an idempotent consumer of queue <c>q</c> and a queue <c>out</c> for what its handler publishes.</summary>
internal sealed class IdempotentStand(BusFixture fixture, ScriptedStore store) : IAsyncDisposable
{
    public BusFixture Fixture => fixture;

    public ScriptedStore Store => store;

    public ClaimRequest? Request => store.LastRequest;

    public static async Task<IdempotentStand> StartAsync(
        Func<Order, IMessageContext, CancellationToken, ValueTask> handle,
        Action<IConsumerBuilder<Order>>? configure = null,
        Func<TimeProvider, ScriptedStore>? store = null)
    {
        BusFixture fixture = await BusFixture.StartBrokerAsync();
        ScriptedStore scripted = store?.Invoke(fixture.Time) ?? new ScriptedStore(fixture.Time);
        ServiceProvider services = new ServiceCollection().AddScoped(_ => new ScopeEnding { Steps = scripted.Steps }).BuildServiceProvider();
        await fixture.StartBusAsync(
            mq => mq
                .Topology(static t => t.Queue("q").Queue("out"))
                .Publish<Order>(static p => p.ToQueue("q").MessageId(static order => order.Id))
                .Publish<OrderStatus>(static p => p.ToQueue("out"))
                .Idempotence(i => i.UseStore(_ => scripted))
                .Consume("q", handle, c =>
                {
                    c.Idempotent();
                    configure?.Invoke(c);
                }),
            services: services);
        return new IdempotentStand(fixture, scripted);
    }

    public async Task PublishAsync(string id, string customer = "") => await fixture.Publisher.PublishAsync(new Order(id, customer), cancellationToken: TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => fixture.DisposeAsync();
}
