using EmbeddedMq.Errors;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Outbox;

/// <content>What is in the window and where it is stored.</content>
internal sealed partial class EmbeddedOutboxStore
{
    private const string PendingQueue = "outbox";
    private const string AsideQueue = "outbox.aside";

    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromSeconds(1);

    private Task OpenAsync()
    {
        lock (_gate)
        {
            // A first use that failed, because the disk did, does not count.
            return _opening is null or { IsFaulted: true } ? _opening = BeginToOpenAsync() : _opening;
        }
    }

    private async Task BeginToOpenAsync()
    {
        await Task.Yield();
        _host = openHost();
        _pending = _host.DeclareQueue(new QueueDeclaration(PendingQueue) { IsDurable = true }, this);
        _aside = _host.DeclareQueue(new QueueDeclaration(AsideQueue) { IsDurable = true }, this);
        _mostOpenBytes = Math.Max(LeastOpenBytes, _host.Services.Backlog!.Settings.BudgetBytes / 2);
        await _host.Services.Store.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        while (true)
        {
            Task? arrival;
            lock (_gate)
            {
                while (_aside.TryAcquire(out QueueEntry? place, out _, out arrival))
                {
                    TakeIn_NeedsGate(place, OutboxEnvelope.Unwrap(place.Message, place.FailedDeliveries));
                }

                if (arrival is null)
                {
                    FindLines_NeedsGate();
                }
            }

            if (arrival is null)
            {
                return;
            }

            await WaitForAsync(arrival).ConfigureAwait(false);
        }
    }

    // Waits for what is on disk only where there is nothing else to give now: what is due later is no reason to let those wait that are due.
    private async ValueTask LoadAsync(CancellationToken cancellationToken)
    {
        await OpenAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (LoadNow() is { } arrival && _window.DueCount == 0)
            {
                await WaitForAsync(arrival).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (JournalException) when (_window.DueCount > 0)
        {
            // What is on disk cannot be read at present; what is in memory goes on.
        }
    }

    // What became possible by an answer or an addition, which it is no part of: it neither keeps those waiting nor fails them.
    private void LoadMore() => _ = LoadMoreAsync(); // never faults

    private async Task LoadMoreAsync()
    {
        try
        {
            while (LoadNow() is { } arrival)
            {
                await WaitForAsync(arrival).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is JournalException or ConnectionException)
        {
            // It cannot be read at present: whoever takes next tries again, and is told.
        }
    }

    private Task? LoadNow()
    {
        lock (_gate)
        {
            Task? ofLines = LoadLines_NeedsGate();
            return LoadPending_NeedsGate() ?? ofLines;
        }
    }

    private void TakeIn_NeedsGate(QueueEntry place, OutboxEntry entry)
    {
        if (_places.TryAdd(entry.Message.Id, place))
        {
            if (_window.Restore(entry))
            {
                _stuck.Add(entry.Message.OrderKey!);
            }

            return;
        }

        if (!_twins.TryGetValue(entry.Message.Id, out Queue<QueueEntry>? twins))
        {
            _twins.Add(entry.Message.Id, twins = new Queue<QueueEntry>());
        }

        twins.Enqueue(place);
    }

    private async ValueTask BeginAddAsync(string id, List<string> begun)
    {
        bool isKnown = TryFindReceipt(id, out _) || await _window.FindAsync(id, CancellationToken.None).ConfigureAwait(false) is not null;
        lock (_gate)
        {
            if (isKnown || !_busy.Add(id))
            {
                throw MqErrors.AlreadyInOutbox(id, "messages");
            }
        }

        begun.Add(id);
        if (TryFindReceipt(id, out _))
        {
            throw MqErrors.AlreadyInOutbox(id, "messages"); // whoever was adding it has come to the end in between
        }
    }

    private async Task ConfirmHeldAsync(OutboxEntry[] held)
    {
        QueueEntry[] places = [.. held.Select(entry => PlaceOf(entry.Message.Id))];
        try
        {
            await CommitAsync([], places, [.. held.Select(entry => ReceiptOf(entry.Message.Id, (byte)OutboxStatus.Confirmed))]).ConfigureAwait(false);
        }
        catch
        {
            Array.ForEach(held, entry => _window.Release(entry, isAnswered: false));
            throw;
        }

        Array.ForEach(held, entry => _window.Release(entry, isAnswered: true));
        await _window.ConfirmAsync(held, CancellationToken.None).ConfigureAwait(false);
        Array.ForEach(held, entry => Forget(entry.Message));
        LoadMore();
    }

    private async Task AnswerAsync(OutboxEntry entry, OutboxEntry changed, Func<ValueTask> answer)
    {
        if (!_window.TryHold(entry))
        {
            return;
        }

        bool isAnswered = false;
        try
        {
            await MoveAsideAsync(changed, PlaceOf(entry.Message.Id)).ConfigureAwait(false);
            isAnswered = true;
        }
        finally
        {
            _window.Release(entry, isAnswered);
        }

        await answer().ConfigureAwait(false);
        if (entry.Message.OrderKey is { } key)
        {
            lock (_gate)
            {
                _stuck.Add(key);
            }
        }

        LoadMore();
    }

    private async Task<bool> ChangeFailedAsync(string id, Func<OutboxEntry, QueueEntry, Task> change)
    {
        await OpenAsync().ConfigureAwait(false);
        lock (_gate)
        {
            if (!_busy.Add(id))
            {
                return false;
            }
        }

        try
        {
            if (await _window.FindAsync(id, CancellationToken.None).ConfigureAwait(false) is not { Status: OutboxStatus.Failed } entry)
            {
                return false;
            }

            await change(entry, PlaceOf(id)).ConfigureAwait(false);
            return true;
        }
        finally
        {
            lock (_gate)
            {
                _busy.Remove(id);
            }
        }
    }

    // Leaving its place and coming into the new one is one record. Nobody else takes from that queue; what is found there may be others' too.
    private async Task MoveAsideAsync(OutboxEntry changed, QueueEntry place)
    {
        await CommitAsync([To(_aside, changed)], [place], []).ConfigureAwait(false);
        while (true)
        {
            Task? arrival = null;
            lock (_gate)
            {
                try
                {
                    while (_aside.TryAcquire(out QueueEntry? entry, out _, out arrival))
                    {
                        _places[OutboxEnvelope.Unwrap(entry.Message, 0).Message.Id] = entry;
                    }
                }
                catch (JournalException)
                {
                    // It went to disk at once and cannot be read at present. Its record is safe: it is there, and has left its old place for good.
                    arrival = Task.Delay(ReadAgainAfter, time, CancellationToken.None);
                }

                if (!ReferenceEquals(_places[changed.Message.Id], place))
                {
                    Leave_NeedsGate(place);
                    return;
                }
            }

            if (arrival is null)
            {
                await Task.Yield();
            }
            else
            {
                await WaitForAsync(arrival).ConfigureAwait(false);
            }
        }
    }

    private async Task WaitForAsync(Task arrival)
        => await (await Task.WhenAny(arrival, _stopped.Task).ConfigureAwait(false)).ConfigureAwait(false);

    // Between the two ends the places that the record names may move: see NamedPlaces.
    private async Task CommitAsync(CommittedPublish[] publishes, QueueEntry[] left, Receipt[] receipts)
    {
        NamedPlaces named = _host.Services.Store.Named;
        int phase = named.Enter();
        try
        {
            await _host.CommitAsync(publishes, left, receipts).ConfigureAwait(false);
            Array.ForEach(left, static place => place.Owner.Acknowledge(place));
        }
        finally
        {
            named.Leave(phase);
        }
    }

    private void Forget(OutboxMessage message)
    {
        lock (_gate)
        {
            _places.Remove(message.Id, out QueueEntry? place);
            Leave_NeedsGate(place!);
            if (message.OrderKey is { } key)
            {
                _stuck.Remove(key); // it was the first, and those behind it have not been tried
                if (LineOf_NeedsGate(key) is { } line)
                {
                    _toRead.Add(line);
                }
            }

            if (_twins.Remove(message.Id, out Queue<QueueEntry>? twins))
            {
                foreach (QueueEntry twin in twins)
                {
                    TakeIn_NeedsGate(twin, OutboxEnvelope.Unwrap(twin.Message, twin.FailedDeliveries)); // the first of them; the others are behind it then
                }
            }
        }
    }

    private void Leave_NeedsGate(QueueEntry place)
    {
        Queue queue = (Queue)place.Owner;
        if (ReferenceEquals(queue, _aside))
        {
            return;
        }

        _loadedCount--;
        if (_lines.GetValueOrDefault(queue.Name) is { } line)
        {
            line.LoadedCount--;
            _toRead.Add(line);
        }
    }

    // As failed deliveries of the queue, which a restart gives back. Nobody waits for that.
    private void NoteAttempts(string id, int attempts)
    {
        QueueEntry? place;
        lock (_gate)
        {
            place = _places.GetValueOrDefault(id); // none: its lease was over at once, and others have dealt with it
        }

        if (place is not null)
        {
            place.FailedDeliveries = attempts;
            ((Queue)place.Owner).Stored?.Mark(place, attempts);
        }
    }

    private QueueEntry PlaceOf(string id)
    {
        lock (_gate)
        {
            return _places[id];
        }
    }

    private bool TryFindReceipt(string id, out Receipt receipt)
        => _host.Services.Store.Receipts.TryFind(ReceiptKey.Of(Scope, id), out receipt) && receipt.State != Discarded;

    private Receipt ReceiptOf(string id, byte status) => new(ReceiptKey.Of(Scope, id), default, status, time.GetUtcNow().ToUnixTimeMilliseconds());

    private static CommittedPublish To(Queue queue, OutboxEntry entry) => new("", queue.Name, OutboxEnvelope.Wrap(entry), [queue], []);
}
