using System.Collections.Concurrent;
using EmbeddedMq.Hosting;
using EmbeddedMq.Tests.Handlers;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EmbeddedMq.Tests.Hosting;

public sealed class HandlerScopesTests
{
    [Theory]
    [InlineData(typeof(MadeOfSingletons), false)]
    [InlineData(typeof(MadeOfNothing), false)]
    [InlineData(typeof(WithScoped), true)]
    [InlineData(typeof(WithTransient), true)]
    [InlineData(typeof(WithProvider), true)]
    [InlineData(typeof(WithKeyed), true)]
    [InlineData(typeof(WithTwoConstructors), true)]
    [InlineData(typeof(ToBeDisposed), true)]
    public void TransientHandler_NeedsAScope_UnlessItIsMadeOfSingletonsAndEndsWithNothing(Type handler, bool expected)
    {
        ServiceCollection services = Services();
        services.AddTransient(handler);
        using ServiceProvider provider = services.BuildServiceProvider();

        Assert.Equal(expected, HandlerScopes.AreNeededFor(handler, services, provider));
    }

    [Fact]
    public void Handler_OfAnotherLifetimeOrMaker_NeedsAScopeUnlessItIsASingleton()
    {
        ServiceCollection services = Services();
        services.AddScoped<MadeOfNothing>();
        services.AddTransient(static _ => new ToBeDisposed());
        services.AddTransient<WithScoped>();
        services.AddSingleton(new WithScoped(new Scoped())); // the last one counts
        using ServiceProvider provider = services.BuildServiceProvider();

        Assert.True(HandlerScopes.AreNeededFor(typeof(MadeOfNothing), services, provider));
        Assert.True(HandlerScopes.AreNeededFor(typeof(ToBeDisposed), services, provider));
        Assert.True(HandlerScopes.AreNeededFor(typeof(WithKeyed), services, provider)); // not registered
        Assert.False(HandlerScopes.AreNeededFor(typeof(WithScoped), services, provider));
    }

    [Fact]
    public void Handler_OfAnotherContainer_NeedsAScope()
    {
        ServiceCollection services = Services();
        services.AddTransient<MadeOfNothing>();

        Assert.True(HandlerScopes.AreNeededFor(typeof(MadeOfNothing), services, new OtherContainer()));
    }

    [Fact]
    public async Task HandlerWithoutNeedOfAScope_AsksForServices_HasAScopeOfItsOwnThatEnds()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        Seen seen = new();
        builder.Services.AddSingleton(seen);
        builder.Services.AddScoped<Scoped>();
        builder.Services.AddEmbeddedMq(static mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order, AskingHandler>("q"));
        using IHost host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        await publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);
        await publisher.PublishAsync(new Order("2"), cancellationToken: TestContext.Current.CancellationToken);
        await seen.Two.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        await host.StopAsync(TestContext.Current.CancellationToken);

        (AskingHandler Handler, Scoped Scoped)[] each = [.. seen.Handled];
        Assert.NotSame(each[0].Handler, each[1].Handler);
        Assert.NotSame(each[0].Scoped, each[1].Scoped);
        Assert.True(each[0].Scoped.IsDisposed && each[1].Scoped.IsDisposed);
    }

    private static ServiceCollection Services()
    {
        ServiceCollection services = new();
        services.AddSingleton<Seen>();
        services.AddSingleton(typeof(Open<>));
        services.AddKeyedSingleton<Seen>("key");
        services.AddScoped<Scoped>();
        services.AddTransient<Transient>();
        return services;
    }

    internal sealed class Seen
    {
        public ConcurrentQueue<(AskingHandler Handler, Scoped Scoped)> Handled { get; } = new();

        public TaskCompletionSource Two { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    internal sealed class Scoped : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    internal sealed class AskingHandler(Seen seen) : IMessageHandler<Order>
    {
        public ValueTask HandleAsync(Order message, IMessageContext context, CancellationToken cancellationToken)
        {
            seen.Handled.Enqueue((this, context.Services.GetRequiredService<Scoped>()));
            Assert.Same(context.Services.GetRequiredService<Scoped>(), context.Services.GetRequiredService<Scoped>());
            if (seen.Handled.Count == 2)
            {
                seen.Two.SetResult();
            }

            return ValueTask.CompletedTask;
        }
    }

    private sealed class Transient;

    private sealed class Open<T>;

    private sealed class MadeOfNothing;

    private sealed class OtherContainer : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }

    private sealed class ToBeDisposed : IDisposable
    {
        public void Dispose()
        {
        }
    }

#pragma warning disable CS9113 // parameters that only the container looks at
    private sealed class MadeOfSingletons(Seen seen, Open<int> open);

    private sealed class WithScoped(Scoped scoped);

    private sealed class WithTransient(Transient transient);

    private sealed class WithProvider(IServiceProvider provider);

    private sealed class WithKeyed([FromKeyedServices("key")] Seen seen);

    private sealed class WithTwoConstructors(Seen seen)
    {
        public WithTwoConstructors(Seen seen, Open<int> open)
            : this(seen)
        {
        }
    }
#pragma warning restore CS9113
}
