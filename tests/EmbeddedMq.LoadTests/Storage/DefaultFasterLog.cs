using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;
using FASTER.core;

namespace EmbeddedMq.LoadTests.Storage;

/// <summary>FasterLog as its documentation shows it: its own device and commit manager, one task that commits, and a producer that waits.</summary>
internal static class DefaultFasterLog
{
    internal static async Task<Outcome> AppendAsync(string directory, int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        string folder = Path.Combine(directory, "fasterlog");
        using FasterLogSettings settings = new(folder, deleteDirOnDispose: true);
        using FasterLog log = new(settings);
        return await AppendAsync(log, bodyBytes, window, duration, latencies);
    }

    /// <summary>Appends to a log of any parts, with one task that commits, and a producer that waits.</summary>
    /// <remarks>
    /// FASTER's epochs lose a commit now and then when one thread leaves them while another commits (a store and a load without a fence between them
    /// in LightEpoch.Suspend): its pages are written when the next thread comes by, and here nobody would. So somebody comes by each second.
    /// </remarks>
    internal static async Task<Outcome> AppendAsync(FasterLog log, int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        long seen = -1;
        await using Timer passing = new(_ => seen = PassByIfStuck(log, seen), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        using CancellationTokenSource stopping = new();
        Task committing = Task.Run(() => CommitAsync(log, stopping.Token), CancellationToken.None);
        Outcome outcome = await Task.Run(() => ProduceAsync(log, bodyBytes, window, duration, latencies), CancellationToken.None);
        await stopping.CancelAsync();
        await committing;
        return outcome;
    }

    private static async Task<Outcome> ProduceAsync(FasterLog log, int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        byte[] body = new byte[bodyBytes];
        (long End, long StartedAt)[] pending = new (long, long)[window];
        long appended = 0;
        long committed = 0;
        long start = Stopwatch.GetTimestamp();
        long now = start;
        while (Stopwatch.GetElapsedTime(start, now) < duration)
        {
            if (appended - committed == window)
            {
                await FinishOneAsync();
            }

            now = Stopwatch.GetTimestamp();
            log.Enqueue(body);
            pending[appended++ % window] = (log.TailAddress, now);
        }

        while (committed < appended)
        {
            await FinishOneAsync();
        }

        return new Outcome(committed, Stopwatch.GetElapsedTime(start));

        async ValueTask FinishOneAsync()
        {
            (long end, long startedAt) = pending[committed++ % window];
            await log.WaitForCommitAsync(end);
            latencies.Record(Stopwatch.GetTimestamp() - startedAt);
        }
    }

    private static long PassByIfStuck(FasterLog log, long seen)
    {
        long committed = log.CommittedUntilAddress;
        if (committed == seen && log.TailAddress > committed)
        {
            log.Enqueue([0]);
        }

        return committed;
    }

    private static async Task CommitAsync(FasterLog log, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            if (log.TailAddress > log.CommittedUntilAddress)
            {
                await log.CommitAsync(CancellationToken.None);
            }
            else
            {
                await Task.Yield();
            }
        }
    }
}
