using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>A handler may work on several threads: what its context makes when first asked for is the same for all of them.</summary>
public sealed class HandlerThreadsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Services_FirstAskedForByTwoThreadsAtOnce_AreOfOneScope_AndTheOtherEnds()
    {
        using MeetingScopes scopes = new();
        TaskCompletionSource<IServiceProvider[]> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(
            mq => mq
                .Topology(static t => t.Queue("q"))
                .Publish<Order>(static p => p.ToQueue("q"))
                .Consume<Order>("q", async (_, context, _) => seen.SetResult(await Task.WhenAll(Task.Run(() => context.Services), Task.Run(() => context.Services)))),
            services: scopes);

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);

        IServiceProvider[] both = await seen.Task.WaitAsync(BrokerFixture.Patience, Token);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Same(both[0], both[1]);
        Assert.Equal(0, scopes.Open);
    }

    [Fact]
    public void Publisher_FirstAskedForByTwoThreadsAtOnce_IsOne()
    {
        const int Claims = 50_000;
        HeldClaim[] claims = [.. Enumerable.Range(0, Claims).Select(static i
            => new HeldClaim(null!, new ClaimRequest { Key = new IdempotenceKey("q", $"{i}", default), Lease = TimeSpan.FromMinutes(1) }, null!, null!, null))];
        IPublisher[] others = new IPublisher[Claims];
        using Barrier begin = new(2);
        int at = -1;
        Thread other = new(() =>
        {
            begin.SignalAndWait();
            for (int i = 0; i < Claims; i++)
            {
                Volatile.Write(ref at, i);
                others[i] = claims[i].Publisher;
            }
        });
        other.Start();
        IPublisher[] ours = new IPublisher[Claims];
        begin.SignalAndWait();
        for (int i = 0; i < Claims; i = Math.Max(i + 1, Volatile.Read(ref at)))
        {
            ours[i] = claims[i].Publisher;
        }

        other.Join();
        Assert.All(Enumerable.Range(0, Claims).Where(i => ours[i] is not null), i => Assert.Same(others[i], ours[i]));
    }

    /// <summary>Makes scopes two by two: whoever asks for one waits until another does.</summary>
    private sealed class MeetingScopes : IServiceProvider, IServiceScopeFactory, IDisposable
    {
        private readonly ServiceProvider _inner = new ServiceCollection().BuildServiceProvider();
        private readonly Barrier _both = new(2);
        private int _open;

        public int Open => Volatile.Read(ref _open);

        public object? GetService(Type serviceType) => serviceType == typeof(IServiceScopeFactory) ? this : null;

        public IServiceScope CreateScope()
        {
            Assert.True(_both.SignalAndWait(BrokerFixture.Patience, Token));
            Interlocked.Increment(ref _open);
            return new Scope(this, _inner.CreateScope());
        }

        public void Dispose()
        {
            _both.Dispose();
            _inner.Dispose();
        }

        private sealed class Scope(MeetingScopes owner, IServiceScope inner) : IServiceScope
        {
            public IServiceProvider ServiceProvider => inner.ServiceProvider;

            public void Dispose()
            {
                Interlocked.Decrement(ref owner._open);
                inner.Dispose();
            }
        }
    }
}
