using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Stores;

/// <summary>What an idempotent consumer asks of its store, by several workers at once.</summary>
internal static class StoreRun
{
    private const string Scope = "orders";
    private const int KnownCount = 4_096;

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly string[] KnownIds = [.. Enumerable.Range(0, KnownCount).Select(static i => string.Create(CultureInfo.InvariantCulture, $"order-{i:D12}"))];

    private static long _next;

    /// <summary>Has a store remember the messages that come again.</summary>
    internal static Task FillAsync(IIdempotenceStore store)
    {
        int next = -1;
        return WorkAsync(64, async () =>
        {
            for (int i = Interlocked.Increment(ref next); i < KnownCount; i = Interlocked.Increment(ref next))
            {
                await ProcessAsync(store, KnownIds[i]);
            }

            return 0;
        });
    }

    /// <summary>Messages that were processed before: each is claimed, in vain.</summary>
    internal static Task<Outcome> DuplicatesAsync(IIdempotenceStore store, int workers, TimeSpan duration)
        => ForAsync(workers, duration, async i =>
        {
            await using IIdempotenceClaim claim = await store.ClaimAsync(Request(KnownIds[i % KnownCount]));
            switch (claim.Outcome)
            {
                case ClaimOutcome.Duplicate:
                    break;
                case ClaimOutcome.Claimed:
                    await claim.CompleteAsync([]); // millions have come since, and it is forgotten
                    break;
                default:
                    throw new InvalidOperationException($"A message that was processed is {claim.Outcome}.");
            }
        });

    /// <summary>Messages that come for the first time: each is claimed and completed.</summary>
    internal static Task<Outcome> FirstsAsync(IIdempotenceStore store, int workers, TimeSpan duration)
        => ForAsync(workers, duration, _ => ProcessAsync(store, string.Create(CultureInfo.InvariantCulture, $"first-{Interlocked.Increment(ref _next)}")));

    private static async ValueTask ProcessAsync(IIdempotenceStore store, string id)
    {
        while (true)
        {
            await using IIdempotenceClaim claim = await store.ClaimAsync(Request(id));
            if (claim.Outcome == ClaimOutcome.Claimed)
            {
                await claim.CompleteAsync([]);
                return;
            }

            // A writer whose turn did not come in time. It is what a consumer would do, after a while.
            if (claim.Outcome != ClaimOutcome.Busy)
            {
                throw new InvalidOperationException($"A message that comes for the first time is {claim.Outcome}.");
            }
        }
    }

    // A consumer makes a request for each message, too.
    private static ClaimRequest Request(string id) => new() { Key = new IdempotenceKey(Scope, id, new Fingerprint(1, 2)), Lease = Lease };

    private static async Task<Outcome> ForAsync(int workers, TimeSpan duration, Func<long, ValueTask> ask)
    {
        const int PerLook = 16; // the clock is not what is measured
        long start = Stopwatch.GetTimestamp();
        int last = -1;
        long[] counts = await WorkAsync(workers, async () =>
        {
            long count = 0;
            int worker = Interlocked.Increment(ref last);
            do
            {
                for (int i = 0; i < PerLook; i++)
                {
                    await ask(worker + (workers * count++)); // no two ask for one message at once
                }
            }
            while (Stopwatch.GetElapsedTime(start) < duration);
            return count;
        });
        return new Outcome(counts.Sum(), Stopwatch.GetElapsedTime(start));
    }

    private static Task<long[]> WorkAsync(int workers, Func<Task<long>> work) => Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(work)));
}
