using System.Globalization;
using BenchmarkDotNet.Attributes;

namespace EmbeddedMq.Benchmarks;

/// <summary>Whether a message was processed before: what an idempotent consumer asks for each.</summary>
[MemoryDiagnoser]
public class IdempotenceBenchmarks
{
    private const string Scope = "orders";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    private readonly MemoryIdempotenceStore _store = new(new MemoryIdempotenceOptions { MaxMessages = 100_000 });
    private readonly ClaimRequest _known = Request("known");

    private long _next;

    [GlobalSetup]
    public async Task SetupAsync()
    {
        await using IIdempotenceClaim claim = await _store.ClaimAsync(_known);
        await claim.CompleteAsync([]);
    }

    /// <summary>A message that comes for the first time: claim, completion; and making its id, as the wire does.</summary>
    [Benchmark(Baseline = true)]
    public async Task<bool> FirstAsync()
    {
        await using IIdempotenceClaim claim = await _store.ClaimAsync(Request((++_next).ToString(CultureInfo.InvariantCulture)));
        return await claim.CompleteAsync([]);
    }

    /// <summary>A message that was processed before.</summary>
    [Benchmark]
    public async Task<ClaimOutcome> DuplicateAsync()
    {
        await using IIdempotenceClaim claim = await _store.ClaimAsync(_known);
        return claim.Outcome;
    }

    private static ClaimRequest Request(string id) => new() { Key = new IdempotenceKey(Scope, id, new Fingerprint(1, 2)), Lease = Lease };
}
