using System.Globalization;
using BenchmarkDotNet.Attributes;

namespace EmbeddedMq.Benchmarks;

/// <summary>Whether a message was processed before: what an idempotent consumer asks the broker's own store for each.</summary>
[MemoryDiagnoser]
public class IdempotenceBenchmarks
{
    private const string Scope = "orders";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    private readonly ClaimRequest _known = Request("known");

    private Broker _broker = null!;
    private string? _directory;
    private IIdempotenceStore _store = null!;
    private long _next;

    /// <summary>Whether the broker has a data directory: then a completion waits for the disk.</summary>
    [Params(false, true)]
    public bool IsDurable { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        // Not the system's temporary folder, which is often memory.
        _directory = IsDurable
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), $".embeddedmq-bench-{Environment.ProcessId}")
            : null;
        _broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = _directory });
        _store = _broker.Idempotence;
        await using IIdempotenceClaim claim = await _store.ClaimAsync(_known);
        await claim.CompleteAsync([]);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _broker.DisposeAsync();
        if (_directory is { } directory)
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>A message that comes for the first time: claim, completion; and making its id.</summary>
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
