using EmbeddedMq.Tests.Handlers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Tests.Hosting;

/// <summary>Each message of a handler that cannot be made would be dead-lettered: the host does not start.</summary>
public sealed class HandlerCheckTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(typeof(Asking<Missing>), typeof(Asking<Missing>), "")]
    [InlineData(typeof(Asking<ThroughAClass>), typeof(ThroughAClass), "")]
    [InlineData(typeof(AskingTwice), typeof(AskingTwice), "")]
    [InlineData(typeof(AskingWithKey), typeof(AskingWithKey), " with key 'no such key'")]
    public async Task Handler_NeedsWhatIsNoService_KeepsTheHostFromStarting(Type handler, Type asking, string key)
    {
        using IHost host = Build(handler);

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));

        Type missing = key.Length == 0 ? typeof(Missing) : typeof(Known);
        Assert.Equal(
            $"Handler {handler} of queue 'q' cannot be made: the constructor of {asking} asks for {missing}{key}, which is not among the application's services. Register it.",
            Assert.Single(error.Failures));
    }

    [Theory]
    [InlineData(typeof(Asking<Known>))]
    [InlineData(typeof(Asking<IServiceProvider>))]
    [InlineData(typeof(Asking<IServiceScopeFactory>))]
    [InlineData(typeof(Asking<IPublisher>))]
    [InlineData(typeof(Asking<IOptions<HostOptions>>))]
    [InlineData(typeof(Asking<IEnumerable<Missing>>))]
    [InlineData(typeof(Asking<Open<Missing>>))]
    [InlineData(typeof(Asking<OfAFactory>))]
    [InlineData(typeof(AskingWithDefault))]
    [InlineData(typeof(AskingForEither))]
    [InlineData(typeof(AskingForKnownKey))]
    [InlineData(typeof(AskingForAnyKey<OfAnyKey>))]
    [InlineData(typeof(AskingForAnyKey<OpenOfAnyKey<Missing>>))]
    [InlineData(typeof(AskingForAnyKey<IEnumerable<Missing>>))]
    public async Task Handler_CanBeMade_OrNobodyKnows_TheHostStarts(Type handler)
    {
        using IHost host = Build(handler);

        await host.StartAsync(Token);
        Assert.NotNull(host.Services.GetService(handler));
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Publisher_WithoutTheHost_DoesNotAskForHandlers()
    {
        using IHost host = Build(typeof(Asking<Missing>));

        await host.Services.GetRequiredService<IPublisher>().PublishAsync(new Order("1"), cancellationToken: Token);
        await host.Services.GetRequiredService<IBroker>().DisposeAsync();
    }

    private static IHost Build(Type handler)
    {
        HostApplicationBuilder builder = new(new HostApplicationBuilderSettings { DisableDefaults = true, EnvironmentName = Environments.Production });
        builder.Services
            .AddSingleton<Known>()
            .AddKeyedSingleton<Known>("key")
            .AddKeyedTransient<OfAnyKey>(KeyedService.AnyKey)
            .AddKeyedTransient(typeof(OpenOfAnyKey<>), KeyedService.AnyKey)
            .AddScoped<ThroughAClass>()
            .AddTransient(typeof(Open<>))
            .AddTransient(static _ => new OfAFactory(new Missing()));
        Action<IEmbeddedMqBuilder> consume = typeof(HandlerCheckTests)
            .GetMethod(nameof(Consume), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!
            .MakeGenericMethod(handler)
            .CreateDelegate<Action<IEmbeddedMqBuilder>>();
        builder.Services.AddEmbeddedMq(mq =>
        {
            mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q"));
            consume(mq);
        });
        return builder.Build();
    }

    private static void Consume<THandler>(IEmbeddedMqBuilder mq)
        where THandler : class, IMessageHandler<Order>
        => mq.Consume<Order, THandler>("q");

    internal abstract class Handler : IMessageHandler<Order>
    {
        public ValueTask HandleAsync(Order message, IMessageContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }

    internal sealed class Known;

    internal sealed class Missing;

#pragma warning disable CS9113 // parameters that only the container looks at
    internal sealed class ThroughAClass(Missing missing);

    internal sealed class Open<T>;

    internal sealed class OfAnyKey;

    internal sealed class OpenOfAnyKey<T>;

    internal sealed class OfAFactory(Missing missing);

    internal sealed class Asking<T>(T part) : Handler;

    internal sealed class AskingTwice(Known known, Missing missing) : Handler;

    internal sealed class AskingWithKey([FromKeyedServices("no such key")] Known known) : Handler;

    internal sealed class AskingForKnownKey([FromKeyedServices("key")] Known known) : Handler;

    internal sealed class AskingForAnyKey<T>([FromKeyedServices("any")] T part) : Handler;

    internal sealed class AskingWithDefault(Missing? missing = null) : Handler;

    internal sealed class AskingForEither(Missing missing) : Handler
    {
        public AskingForEither(Known known)
            : this(new Missing())
        {
        }
    }
#pragma warning restore CS9113
}
