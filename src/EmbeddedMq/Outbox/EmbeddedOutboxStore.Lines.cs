using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Outbox;

/// <content>What waits behind failed messages, and how it makes room for others.</content>
/// <remarks>
/// <para>When the window is full, what waits in it behind a failed message of its order key leaves it, back to where it came from. From then on the key has
/// a line: what the first queue has of the key is moved to the line's own queue, by commits of some hundred messages, until the line has been read
/// to its end. It is read, some at a time, when a message of the key has left the outbox, and its queue is deleted when it is empty.</para>
/// <para>So what is stored of a key is, in order: the failed message in the second queue, the line, the first queue. That holds because a line begins only
/// behind a message in the second queue, and because either all that waits behind it leaves the window, or nothing does.</para>
/// </remarks>
internal sealed partial class EmbeddedOutboxStore
{
    private const string LinePrefix = "outbox.behind.";

    // So many of a key are read from its line.
    private const int LineWindow = 1_024;

    private const int MostMoved = 256;
    private const long MostMovedBytes = 1 << 20;

    private readonly Dictionary<string, WaitingLine> _lines = new(StringComparer.Ordinal); // by their queues' names; guarded by _gate
    private readonly HashSet<WaitingLine> _toRead = [];                                    // or to delete; guarded by _gate
    private readonly HashSet<string> _stuck = new(StringComparer.Ordinal);                 // keys that may have a failed message and others behind it in the window; guarded by _gate
    private readonly List<(QueueEntry Place, OutboxEntry Entry, WaitingLine Line)> _joining = []; // to be moved from _pending to their lines; guarded by _gate
    private long _joiningBytes;                                                            // guarded by _gate
    private Task _move = Task.CompletedTask;                                               // the last commit that moves; guarded by _gate

    private bool HasRoom_NeedsGate => _loadedCount < MostInMemory && _window.OpenBytes <= _mostOpenBytes;

    private static string LineNameOf(string orderKey) => $"{LinePrefix}{ReceiptKey.Of(Scope, orderKey):x32}";

    private WaitingLine? LineOf_NeedsGate(string? orderKey)
        => orderKey is null || _lines.Count == 0 ? null : _lines.GetValueOrDefault(LineNameOf(orderKey));

    // Those that an earlier process has left. Whose they are is known when their first message has come.
    private void FindLines_NeedsGate()
    {
        foreach (Queue queue in _host.Queues.Where(queue => queue.Name.StartsWith(LinePrefix, StringComparison.Ordinal) && !_lines.ContainsKey(queue.Name)))
        {
            WaitingLine line = new(queue) { IsOpen = true, Count = queue.Describe().ReadyCount };
            _lines.Add(queue.Name, line);
            _toRead.Add(line);
        }
    }

    private bool CanLoad_NeedsGate() => _window.DueCount < Window && (HasRoom_NeedsGate || TryMakeRoom_NeedsGate());

    private Task? LoadPending_NeedsGate()
    {
        if (!_move.IsCompleted)
        {
            return _move;
        }

        Task? arrival = null;
        while (_joining.Count < MostMoved && _joiningBytes < MostMovedBytes && CanLoad_NeedsGate()
            && _pending.TryAcquire(out QueueEntry? place, out _, out arrival))
        {
            OutboxEntry entry = OutboxEnvelope.Unwrap(place.Message, place.FailedDeliveries);
            if (LineOf_NeedsGate(entry.Message.OrderKey) is { IsOpen: true } line)
            {
                line.Count++;
                _joining.Add((place, entry, line));
                _joiningBytes += entry.Message.Message.Body.Length;
            }
            else
            {
                TakeIn_NeedsGate(place, entry);
                _loadedCount++;
            }
        }

        return _joining.Count == 0 ? arrival : _move = MoveAsync();
    }

    private Task? LoadLines_NeedsGate()
    {
        Task? arrival = null;
        foreach (WaitingLine line in _toRead.ToArray())
        {
            bool isEnough = false;
            try
            {
                while (line.Count > 0 && !isEnough && (line.OldestAt is null || CanLoad_NeedsGate()))
                {
                    if (!line.Queue.TryAcquire(out QueueEntry? place, out _, out Task? coming))
                    {
                        arrival ??= coming; // none: it is still being moved there
                        break;
                    }

                    OutboxEntry entry = OutboxEnvelope.Unwrap(place.Message, place.FailedDeliveries);
                    TakeIn_NeedsGate(place, entry);
                    _loadedCount++;
                    line.Count--;
                    line.LoadedCount++;
                    line.OldestAt = entry.StoredAt;
                    isEnough = _window.IsStuck(entry.Message.OrderKey!, out _) || _window.CountOf(entry.Message.OrderKey!) >= LineWindow;
                }
            }
            catch (JournalException error)
            {
                arrival ??= Task.FromException(error); // others go on
            }

            if (line.Count == 0)
            {
                line.IsOpen = false;
                isEnough = true;
                if (line.LoadedCount == 0)
                {
                    _lines.Remove(line.Queue.Name);
                    _host.DeleteQueue(line.Queue);
                }
            }

            if (isEnough)
            {
                _toRead.Remove(line);
            }
        }

        return arrival;
    }

    private bool TryMakeRoom_NeedsGate()
    {
        foreach (string key in _stuck)
        {
            if (!_window.IsStuck(key, out bool isIdle))
            {
                _stuck.Remove(key);
            }
            else if (isIdle && FindOrBeginLine_NeedsGate(key) is { } line && _window.Evict(key) is { Count: > 0 } waiting)
            {
                _stuck.Remove(key);
                line.IsOpen = true;
                line.OldestAt = waiting[0].StoredAt;
                foreach (IGrouping<Queue, QueueEntry> places in waiting.Select(TakePlace_NeedsGate).GroupBy(static place => (Queue)place.Owner))
                {
                    line.Count += places.Key == line.Queue ? places.Count() : 0;
                    places.Key.Requeue([], places.ToArray());
                }

                return true;
            }
        }

        return false;
    }

    private QueueEntry TakePlace_NeedsGate(OutboxEntry entry)
    {
        _places.Remove(entry.Message.Id, out QueueEntry? place);
        Leave_NeedsGate(place!);
        return place!;
    }

    private WaitingLine? FindOrBeginLine_NeedsGate(string key)
    {
        if (LineOf_NeedsGate(key) is { } existing)
        {
            return existing;
        }

        try
        {
            WaitingLine line = new(_host.DeclareQueue(new QueueDeclaration(LineNameOf(key)) { IsDurable = true }, this));
            _lines.Add(line.Queue.Name, line);
            return line;
        }
        catch (EmbeddedMqException)
        {
            return null; // there may be no more queues, or the disk has failed: others wait with them
        }
    }

    private async Task MoveAsync()
    {
        await Task.Yield(); // not under the gate
        QueueEntry[] places = [.. _joining.Select(static message => message.Place)];
        try
        {
            await CommitAsync([.. _joining.Select(static message => To(message.Line.Queue, message.Entry))], places, []).ConfigureAwait(false);
            places = [];
        }
        finally
        {
            lock (_gate)
            {
                _pending.Requeue([], places); // nothing has happened
                _joining.GetRange(0, places.Length).ForEach(static message => message.Line.Count--);
                _joining.Clear();
                _joiningBytes = 0;
            }
        }
    }
}
