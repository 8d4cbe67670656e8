using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Tests.Bindings;

namespace EmbeddedMq.Tests.Exchanges;

public sealed class RouteCacheTests
{
    private static readonly IDestination[] Queues = [.. Enumerable.Range(0, RouteCache.MaxDestinations + 1).Select(i => new FakeQueue($"q{i}"))];

    private readonly RouteCache _cache = new();
    private readonly Exchange _exchange = ExchangeFactory.Create("/", new ExchangeDeclaration("x", ExchangeType.Direct));

    [Fact]
    public void Key_ComesTheSecondTime_IsRemembered()
    {
        Assert.False(_cache.TryGet("x", "key", version: 1, out _, out _));
        Assert.False(Offer("key"));
        Assert.False(_cache.TryGet("x", "key", version: 1, out _, out _));
        Assert.True(Offer("key"));

        Assert.True(_cache.TryGet("x", "key", version: 1, out Exchange? source, out IDestination[]? queues));
        Assert.Same(_exchange, source);
        Assert.Equal(Queues[..2], queues);
    }

    [Fact]
    public void Key_OfAnotherExchangeVersionOrText_IsNotFound()
    {
        Remember("key");

        Assert.False(_cache.TryGet("y", "key", version: 1, out _, out _));
        Assert.False(_cache.TryGet("x", "other", version: 1, out _, out _));
        Assert.False(_cache.TryGet("x", "key", version: 2, out _, out _));
        Assert.True(_cache.TryGet("x", "key", version: 1, out _, out _));
        Offer("key", version: 2);
        Assert.False(_cache.TryGet("x", "key", version: 1, out _, out _), "one version at a time");
    }

    [Fact]
    public void Keys_OneHundredHotOnes_AreNearlyAllRemembered()
    {
        for (int round = 0; round < 10; round++)
        {
            for (int i = 0; i < 100; i++)
            {
                Remember($"key{i}");
            }
        }

        int remembered = Enumerable.Range(0, 100).Count(i => _cache.TryGet("x", $"key{i}", version: 1, out _, out _));
        Assert.InRange(remembered, 60, 100); // of two keys with one slot only one can stay; 83 on average
    }

    [Fact]
    public void Keys_MoreThanTheBound_AreForgotten()
    {
        for (int i = 0; i < 10_000; i++)
        {
            Remember($"key{i}");
        }

        int remembered = Enumerable.Range(0, 10_000).Count(i => _cache.TryGet("x", $"key{i}", version: 1, out _, out _));
        Assert.InRange(remembered, 1, RouteCache.MaxRoutes);
    }

    [Fact]
    public void Destinations_MoreThanTheBound_AreForgotten()
    {
        for (int i = 0; i < 100; i++)
        {
            Remember($"key{i}", queueCount: 1000);
        }

        Assert.InRange(Enumerable.Range(0, 100).Count(i => _cache.TryGet("x", $"key{i}", version: 1, out _, out _)), 1, RouteCache.MaxDestinations / 1000);
        Remember("wide", RouteCache.MaxDestinations);
        Assert.True(_cache.TryGet("x", "wide", version: 1, out _, out _));
        Remember("too wide", RouteCache.MaxDestinations + 1);
        Assert.False(_cache.TryGet("x", "too wide", version: 1, out _, out _));
    }

    [Fact]
    public void Keys_ThatNeverComeAgain_PushNobodyOutAndAllocateNothing()
    {
        Remember("hot");
        string[] keys = [.. Enumerable.Range(0, 1000).Select(i => $"key{i}")];
        Offer("warm up");

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (string key in keys)
        {
            Offer(key);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(_cache.TryGet("x", "hot", version: 1, out _, out _));
    }

    [Fact]
    public void Tally_OfRoutes_IsTakenOverWhenTheyAreForgotten()
    {
        Remember("hot");
        _cache.Find("x", "hot", version: 1)!.Tally.Add();
        Assert.Equal(1, _exchange.PublishedCount);

        Offer("hot", version: 2);
        Assert.Null(_cache.Find("x", "hot", version: 1));
        Assert.Equal(1, _exchange.PublishedCount);

        Offer("hot", version: 2);
        _cache.Find("x", "hot", version: 2)!.Tally.Add();
        _cache.Close();
        Assert.Equal(2, _exchange.PublishedCount);
        Assert.Null(_cache.Find("x", "hot", version: 2));
        Assert.False(Offer("hot", version: 2) || Offer("hot", version: 2));
    }

    private bool Offer(string key, long version = 1, int queueCount = 2)
    {
        ReadOnlySpan<IDestination> queues = Queues.AsSpan(0, queueCount);
        if (!_cache.IsWorthStoring(_exchange, key, version, queues))
        {
            return false;
        }

        _cache.Store(_exchange, key, queues);
        return true;
    }

    private void Remember(string key, int queueCount = 2)
    {
        if (!_cache.TryGet("x", key, version: 1, out _, out _) && !Offer(key, version: 1, queueCount))
        {
            Offer(key, version: 1, queueCount);
        }
    }
}
