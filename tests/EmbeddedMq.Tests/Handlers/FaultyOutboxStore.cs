using System.Collections.Concurrent;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>An outbox in memory whose calls a test makes fail, and counts. Thread-safe.</summary>
internal sealed class FaultyOutboxStore(TimeProvider time) : IOutboxStore
{
    private readonly ConcurrentDictionary<string, int> _calls = new();

    public MemoryOutboxStore Inner { get; } = new(time);

    /// <summary>Says whether a call fails: by its name, before it has an effect.</summary>
    public Func<string, bool> Fails { get; set; } = static _ => false;

    /// <summary>Says whether the answer of a call is lost: it fails after it had its effect.</summary>
    public Func<string, bool> LosesAnswer { get; set; } = static _ => false;

    public int Calls(string name) => _calls.GetValueOrDefault(name);

    public ValueTask AddAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default)
        => CallAsync("add", () => Inner.AddAsync(messages, cancellationToken));

    public async ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<OutboxEntry> entries = [];
        await CallAsync("take", async () => entries = await Inner.TakeAsync(max, lease, cancellationToken));
        return entries;
    }

    public ValueTask ConfirmAsync(IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken = default)
        => CallAsync("confirm", () => Inner.ConfirmAsync(entries, cancellationToken));

    public ValueTask PostponeAsync(OutboxEntry entry, string? error, TimeSpan delay, CancellationToken cancellationToken = default)
        => CallAsync("postpone", () => Inner.PostponeAsync(entry, error, delay, cancellationToken));

    public ValueTask FailAsync(OutboxEntry entry, string error, CancellationToken cancellationToken = default)
        => CallAsync("fail", () => Inner.FailAsync(entry, error, cancellationToken));

    public ValueTask<bool> RetryAsync(string id, CancellationToken cancellationToken = default) => Inner.RetryAsync(id, cancellationToken);

    public ValueTask<bool> DiscardAsync(string id, CancellationToken cancellationToken = default) => Inner.DiscardAsync(id, cancellationToken);

    public ValueTask<OutboxEntry?> FindAsync(string id, CancellationToken cancellationToken = default) => Inner.FindAsync(id, cancellationToken);

    public IAsyncEnumerable<OutboxEntry> ListAsync(OutboxStatus status, CancellationToken cancellationToken = default) => Inner.ListAsync(status, cancellationToken);

    public ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken = default) => Inner.CountAsync(cancellationToken);

    public ValueTask WaitAsync(TimeSpan limit, CancellationToken cancellationToken = default) => Inner.WaitAsync(limit, cancellationToken);

    private async ValueTask CallAsync(string name, Func<ValueTask> call)
    {
        _calls.AddOrUpdate(name, 1, static (_, calls) => calls + 1);
        if (Fails(name))
        {
            throw new IOException($"The store does not {name}.");
        }

        await call();
        if (LosesAnswer(name))
        {
            throw new IOException($"The store did {name}, and its answer was lost.");
        }
    }
}
