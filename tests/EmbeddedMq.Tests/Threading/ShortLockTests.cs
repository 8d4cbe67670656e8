using EmbeddedMq.Threading;

namespace EmbeddedMq.Tests.Threading;

/// <summary>That a short lock lets one thread in at a time.</summary>
public sealed class ShortLockTests
{
    [Fact]
    public void Enter_FromSeveralThreads_OneAtATime()
    {
        const int Threads = 4;
        const int Rounds = 100_000;
        ShortLock gate = default;
        int counted = 0;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                using (gate.Enter())
                {
                    counted++;
                }
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        Assert.Equal(Threads * Rounds, counted);
    }
}
