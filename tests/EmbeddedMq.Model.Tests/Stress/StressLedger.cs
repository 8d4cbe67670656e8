using System.Collections.Concurrent;

namespace EmbeddedMq.Model.Tests.Stress;

/// <summary>What the publishers and consumers of a stress test saw, message by message. Thread-safe.</summary>
internal sealed class StressLedger
{
    private readonly ConcurrentDictionary<(string Queue, string Id), int> _received = new();
    private readonly ConcurrentQueue<string> _violations = new();

    /// <summary>Copies that the broker took responsibility for.</summary>
    public ConcurrentDictionary<(string Queue, string Id), byte> Confirmed { get; } = new();

    /// <summary>Copies whose publish ended with the channel: they may be in the queue or not.</summary>
    public ConcurrentDictionary<(string Queue, string Id), byte> Unknown { get; } = new();

    /// <summary>Copies that a queue refused.</summary>
    public ConcurrentDictionary<(string Queue, string Id), byte> Refused { get; } = new();

    /// <summary>Copies whose settlement as processed succeeded.</summary>
    public ConcurrentDictionary<(string Queue, string Id), byte> Acked { get; } = new();

    /// <summary>Copies that were rejected for good.</summary>
    public ConcurrentDictionary<(string Queue, string Id), byte> Rejected { get; } = new();

    /// <summary>What must not happen and did.</summary>
    public IReadOnlyCollection<string> Violations => _violations;

    /// <summary>Notes a delivery; a second one of the same copy must be flagged.</summary>
    public void Receive(string queue, Delivery delivery)
    {
        string id = delivery.Message.GetText();
        int times = _received.AddOrUpdate((queue, id), 1, static (_, n) => n + 1);
        if (times > 1 && !delivery.Redelivered)
        {
            Violate($"{id} was delivered from '{queue}' {times} times, the last time not flagged as redelivered.");
        }

        if (Acked.ContainsKey((queue, id)) || Rejected.ContainsKey((queue, id)))
        {
            Violate($"{id} was delivered from '{queue}' after it had been settled.");
        }
    }

    /// <summary>Notes that a copy was settled for good, by one of the two ways.</summary>
    public void Settle(string queue, string id, bool acked)
    {
        if (!(acked ? Acked : Rejected).TryAdd((queue, id), 0))
        {
            Violate($"{id} was settled twice in '{queue}'.");
        }
    }

    /// <summary>Notes something that must not happen.</summary>
    public void Violate(string what) => _violations.Enqueue(what);
}
