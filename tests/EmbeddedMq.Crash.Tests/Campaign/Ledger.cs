using System.Globalization;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>What the judging process knows from the lines of those that were killed: each fact only if it surely holds.</summary>
internal sealed class Ledger
{
    // Nobody waits for an acknowledgement to be written; a broker that goes on confirming for so long has written it.
    private const long CertainAfterMs = 500;

    // And whose timers have come so often meanwhile: on a busy machine a process may not have had its turn for longer than that.
    private const int CertainAfterPulses = 5;

    private readonly List<(string Queue, string Id, long AtMs, bool IsReject)> _settledInLife = [];
    private readonly Dictionary<(string Queue, int Publisher), long> _lastDelivered = [];
    private readonly List<long> _pulses = [];
    private readonly HashSet<(string Queue, string Id)> _inDoubt = [];
    private (long Checkpoints, long Evacuated, long Compacted) _storeWorkInLife;
    private long _lastConfirmedMs;
    private long _lineCount;
    private int _life;

    /// <summary>Confirmed messages, with the target of each.</summary>
    public Dictionary<string, string> Confirmed { get; } = [];

    /// <summary>What was handed over to a consumer: queue and message.</summary>
    public HashSet<(string Queue, string Id)> Delivered { get; } = [];

    /// <summary>What may have been acknowledged, and what may have been rejected.</summary>
    public HashSet<(string Queue, string Id)> MaybeAcked { get; } = [];

    /// <summary>What was acknowledged for good.</summary>
    public HashSet<(string Queue, string Id)> Acked { get; } = [];

    /// <summary>What was rejected for good.</summary>
    public HashSet<(string Queue, string Id)> Rejected { get; } = [];

    /// <summary>Transactions that may have been committed, and whether that returned.</summary>
    public List<(string[] Ids, bool IsCommitted)> Transactions { get; } = [];

    /// <summary>Messages for the idempotent consumer that were confirmed.</summary>
    public HashSet<string> EffectsPublished { get; } = [];

    /// <summary>Those whose commit has returned.</summary>
    public HashSet<string> EffectsCommitted { get; } = [];

    /// <summary>Names that come and go: whether they exist, <see langword="null"/> where a process was killed while changing one.</summary>
    public Dictionary<string, bool?> Names { get; } = [];

    /// <summary>Messages of queues that were deleted.</summary>
    public HashSet<string> Deleted { get; } = [];

    /// <summary>How many checkpoints all processes have written, and how many messages they have moved to the cold log, and within it.</summary>
    public (long Checkpoints, long Evacuated, long Compacted) StoreWork { get; private set; }

    /// <summary>What is wrong, in words.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Lines read that tell of work. May be asked on another thread.</summary>
    public long LineCount => Volatile.Read(ref _lineCount);

    /// <summary>Begins to read the lines of another process.</summary>
    /// <param name="life">Its number.</param>
    public void BeginLife(int life)
    {
        _life = life;
        _lastConfirmedMs = 0;
        _storeWorkInLife = default;
        _settledInLife.Clear();
        _pulses.Clear();
        _lastDelivered.Clear();
    }

    /// <summary>Ends with a process.</summary>
    /// <param name="isClean">Whether it had stopped in order.</param>
    public void EndLife(bool isClean)
    {
        StoreWork = (
            StoreWork.Checkpoints + _storeWorkInLife.Checkpoints,
            StoreWork.Evacuated + _storeWorkInLife.Evacuated,
            StoreWork.Compacted + _storeWorkInLife.Compacted);
        foreach ((string queue, string id, long atMs, bool isReject) in _settledInLife)
        {
            if (isClean || (atMs + CertainAfterMs < _lastConfirmedMs && _pulses.Count(ms => ms > atMs && ms < _lastConfirmedMs) >= CertainAfterPulses))
            {
                (isReject ? Rejected : Acked).Add((queue, id));
            }
        }
    }

    /// <summary>Whether a line tells only that time goes by, of which a slow machine has more for the same work.</summary>
    /// <param name="line">The line.</param>
    public static bool IsPulse(string line) => line is ['P' or 'K', ' ', ..];

    /// <summary>Takes one line.</summary>
    /// <param name="line">The line, whole.</param>
    public void Read(string line)
    {
        Volatile.Write(ref _lineCount, _lineCount + (IsPulse(line) ? 0 : 1));
        string[] parts = line.Split(' ');
        switch (parts[0])
        {
            case "C":
                Confirmed[parts[1]] = parts[2];
                _lastConfirmedMs = Math.Max(_lastConfirmedMs, Number(parts[3]));
                break;
            case "P":
                _pulses.Add(Number(parts[1]));
                break;
            case "K":
                _storeWorkInLife = (Number(parts[1]), Number(parts[2]), Number(parts[3]));
                break;
            case "D":
                Deliver(parts[1], parts[2], parts[3] == "1");
                break;
            case "a" or "r":
                (parts[0] == "a" ? MaybeAcked : []).Add((parts[1], parts[2]));
                break;
            case "A" or "R":
                _settledInLife.Add((parts[1], parts[2], Number(parts[3]), parts[0] == "R"));
                break;
            case "t":
                Transactions.Add((parts[1..], false));
                break;
            case "X":
                Transactions[^1] = (parts[1..], true);
                break;
            case "e":
                EffectsPublished.Add(parts[1]);
                break;
            case "M":
                EffectsCommitted.Add(parts[1]);
                break;
            case "+?" or "-?":
                Names[parts[1]] = null;
                Forget(parts[1], isGone: parts[0] == "+?");
                break;
            case "+!" or "-!":
                Names[parts[1]] = parts[0] == "+!";
                Forget(parts[1], isGone: true);
                break;
            case "opening" or "ready" or "stopped":
                break;
            default:
                Faults.Add($"Life {_life} says: {line}");
                break;
        }
    }

    private void Deliver(string queue, string id, bool redelivered)
    {
        if (!Delivered.Add((queue, id)) && !redelivered)
        {
            Faults.Add($"Life {_life}: {id} is delivered from {queue} once more and not marked as redelivered.");
        }

        if (Acked.Contains((queue, id)) || Rejected.Contains((queue, id)))
        {
            Faults.Add($"Life {_life}: {id} is delivered from {queue} though it was settled in an earlier life.");
        }

        (int publisher, long order) = Bodies.Place(id);
        if (!redelivered)
        {
            if (_lastDelivered.TryGetValue((queue, publisher), out long last) && last > order)
            {
                Faults.Add($"Life {_life}: {id} is delivered from {queue} behind a later message of its publisher.");
            }

            _lastDelivered[(queue, publisher)] = order;
        }
    }

    // What is in a queue that is being deleted nobody needs to find; what was in one that is gone nobody may find.
    private void Forget(string name, bool isGone)
    {
        if (Campaign.Names.QueueOf(name) is not { } queue)
        {
            return;
        }

        foreach (string id in Confirmed.Where(message => message.Value == queue).Select(static message => message.Key).ToList())
        {
            Confirmed.Remove(id);
            _inDoubt.Add((queue, id));
        }

        if (isGone)
        {
            Deleted.UnionWith(_inDoubt.Where(message => message.Queue == queue).Select(static message => message.Id));
            _inDoubt.RemoveWhere(message => message.Queue == queue);
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
