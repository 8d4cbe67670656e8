using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace WebhookRelay;

/// <summary>How many webhooks of which type each queue has handled.</summary>
/// <remarks>Beside each count stands the sum of a hash of the delivery ids. Two tallies are therefore equal only if they saw the same
/// deliveries equally often (one lost and another counted twice would keep the count), in constant memory. Thread-safe.</remarks>
internal sealed class Tally
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<(string Event, string Queue), Cell> _cells = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _total;

    public long Total
    {
        get
        {
            lock (_gate)
            {
                return _total;
            }
        }
    }

    public void Add(string queue, string name, string id)
    {
        // 64 bits of a cryptographic hash: adding them up, no two sets of ids are mistaken for each other by accident.
        ulong hash = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id)));
        TaskCompletionSource changed;
        lock (_gate)
        {
            Cell cell = _cells.GetValueOrDefault((name, queue));
            _cells[(name, queue)] = new Cell(cell.Count + 1, unchecked(cell.Fingerprint + hash));
            _total++;
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        changed.SetResult();
    }

    /// <summary>Completes with the next <see cref="Add"/> after this call.</summary>
    public Task NextChange()
    {
        lock (_gate)
        {
            return _changed.Task;
        }
    }

    public IReadOnlyDictionary<(string Event, string Queue), Cell> Snapshot()
    {
        lock (_gate)
        {
            return _cells.ToDictionary();
        }
    }

    internal readonly record struct Cell(long Count, ulong Fingerprint);
}
