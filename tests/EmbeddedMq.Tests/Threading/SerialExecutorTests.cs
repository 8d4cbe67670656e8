using EmbeddedMq.TestSupport;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Tests.Threading;

public sealed class SerialExecutorTests
{
    [Fact]
    public async Task Actions_PostedByManyAtOnce_RunOneAtATimeEachThreadsInOrder()
    {
        const int Posters = 4;
        const int Each = 5_000;
        SerialExecutor executor = new(static _ => { });
        List<(int Poster, int Number)> run = []; // not thread-safe: that is the point
        int inside = 0;
        bool overlapped = false;
        await Task.WhenAll(Enumerable.Range(0, Posters).Select(poster => Task.Run(() =>
        {
            for (int number = 0; number < Each; number++)
            {
                int current = number;
                executor.Post(() =>
                {
                    overlapped |= Interlocked.Increment(ref inside) != 1;
                    run.Add((poster, current));
                    Interlocked.Decrement(ref inside);
                });
            }
        })));
        await DrainAsync(executor);

        Assert.False(overlapped);
        Assert.Equal(Posters * Each, run.Count);
        Assert.All(run.GroupBy(static item => item.Poster), static group => Assert.Equal(Enumerable.Range(0, Each), group.Select(static item => item.Number)));
    }

    [Fact]
    public async Task Action_ThatThrows_IsReportedAndTheNextRuns()
    {
        List<Exception> reported = [];
        SerialExecutor executor = new(reported.Add);
        executor.Post(static () => throw new InvalidOperationException("planted"));

        await DrainAsync(executor);

        Assert.Equal("planted", Assert.Single(reported).Message);
    }

    [Fact]
    public async Task Action_ThatPosts_RunsAfterThoseThatCameBefore()
    {
        SerialExecutor executor = new(static _ => { });
        List<int> run = [];
        executor.Post(() =>
        {
            executor.Post(() => run.Add(3));
            run.Add(1);
        });

        await DrainAsync(executor);
        await DrainAsync(executor);

        Assert.Equal([1, 3], run);
    }

    private static Task DrainAsync(SerialExecutor executor) => executor.DrainAsync().WaitAsync(BrokerFixture.Patience);
}
