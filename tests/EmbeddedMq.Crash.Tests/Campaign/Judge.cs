using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>Opens what the killed processes have left, takes every message out, and holds all of it against the <see cref="Ledger"/>.</summary>
/// <param name="ledger">What is known.</param>
internal sealed class Judge(Ledger ledger)
{
    // By queue, in order; of dead letters the queue that they come from is part of the name.
    private readonly Dictionary<string, List<(string Id, bool Redelivered, int Priority)>> _found = [];
    private readonly Dictionary<string, HashSet<string>> _ids = [];

    /// <summary>How many messages were found.</summary>
    public int FoundCount => _found.Values.Sum(static queue => queue.Count);

    /// <summary>How many effects of the idempotent consumer were found.</summary>
    public int EffectCount { get; private set; }

    /// <summary>Judges; what is wrong is added to the ledger's faults.</summary>
    /// <param name="setup">The campaign.</param>
    public async Task RunAsync(CampaignSetup setup)
    {
        FakeTimeProvider time = new(TimeProvider.System.GetUtcNow());
        await using Broker broker = await Broker.StartAsync(setup.ToBrokerOptions(time));
        HashSet<string> names = await Names.ListAsync(broker);
        JudgeNames(names);
        time.Advance(TimeSpan.FromSeconds(10)); // what is delayed comes, what expires goes
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync();
        EffectsJudge effects = new(ledger);
        await effects.RunAsync(broker, channel);
        EffectCount = effects.EffectCount;
        foreach (string queue in CampaignSetup.Queues.Concat(names.Select(Names.QueueOf).OfType<string>()))
        {
            await DrainAsync(channel, queue);
        }

        foreach ((string id, string target) in ledger.Confirmed)
        {
            JudgeMessage(id, target, isConfirmed: true);
        }

        foreach (string id in _ids.Values.SelectMany(static ids => ids).Distinct().Where(id => !ledger.Confirmed.ContainsKey(id)))
        {
            JudgeUnconfirmed(id);
        }

        JudgeTransactions();
    }

    // What comes again in a later transaction has come back from this one, which then was not carried out: whatever else of it is done was done by a later one, too.
    private void JudgeTransactions()
    {
        HashSet<string> later = [];
        foreach ((string[] ids, bool isCommitted) in ledger.Transactions.AsEnumerable().Reverse())
        {
            bool isTakenBack = !isCommitted && ids.Any(later.Contains);
            int done = ids.Count(id => IsIn("done", id) && !(isTakenBack && later.Contains(id)));
            if (isTakenBack ? done != 0 : done != ids.Length && (isCommitted || done != 0))
            {
                ledger.Faults.Add($"Of the transaction of {string.Join(' ', ids)}, {(isCommitted ? "committed" : "begun")}, {done} are done{(isTakenBack ? ", though others of it came again" : "")}.");
            }

            later.UnionWith(ids);
        }
    }

    private void JudgeNames(HashSet<string> names)
    {
        foreach ((string name, bool? exists) in ledger.Names)
        {
            if (exists is { } expected && expected != names.Contains(name))
            {
                ledger.Faults.Add($"'{name}' {(expected ? "is gone, though it was declared" : "is there, though it was deleted")}.");
            }
        }

        foreach (string name in names.Where(name => !ledger.Names.ContainsKey(name)))
        {
            ledger.Faults.Add($"'{name}' is there, though nobody declared it.");
        }
    }

    private async Task DrainAsync(IChannel channel, string queue)
    {
        uint count;
        try
        {
            count = (await channel.DeclareQueuePassiveAsync(queue)).MessageCount;
        }
        catch (ChannelException)
        {
            ledger.Faults.Add($"The queue {queue} is gone.");
            return;
        }

        List<(string Id, bool Redelivered, int Priority)> found = _found[queue] = [];
        while (await channel.GetAsync(queue, autoAck: true) is { } got)
        {
            Delivery delivery = got.Delivery;
            string id = Bodies.Read(delivery.Body.Span);
            string place = queue == "dead" ? $"dead:{delivery.Deaths[0].Queue}" : queue;
            if (!IdsOf(place).Add(id))
            {
                ledger.Faults.Add($"{id} is twice in {place}.");
            }

            found.Add((id, delivery.Redelivered, delivery.Properties.Priority ?? 0));
            if (!delivery.Redelivered && ledger.Delivered.Contains((queue, id)))
            {
                ledger.Faults.Add($"{id} was delivered from {queue} and is there without the mark redelivered.");
            }
        }

        if (count != found.Count)
        {
            ledger.Faults.Add($"{queue} was said to have {count} messages and had {found.Count}.");
        }

        JudgeOrder(queue, found);
    }

    private void JudgeOrder(string queue, List<(string Id, bool Redelivered, int Priority)> found)
    {
        if (queue is "dead" or "late" or "expired" or "done")
        {
            return; // in the order in which they died, were due, or were moved
        }

        Dictionary<(int Publisher, int Priority), long> last = [];
        int lastPriority = int.MaxValue;
        foreach ((string id, _, int priority) in found)
        {
            (int publisher, long order) = Bodies.Place(id);
            if (last.TryGetValue((publisher, priority), out long before) && before > order)
            {
                ledger.Faults.Add($"{id} is in {queue} behind a later message of its publisher.");
            }

            if (priority > lastPriority)
            {
                ledger.Faults.Add($"{id} of priority {priority} is in {queue} behind one of priority {lastPriority}.");
            }

            last[(publisher, priority)] = order;
            lastPriority = priority;
        }
    }

    private void JudgeMessage(string id, string target, bool isConfirmed)
    {
        string[] places = target switch
        {
            CampaignSetup.Fan => ["f0", "f1"],
            CampaignSetup.Later => ["late"],
            _ => [target],
        };
        foreach (string place in places)
        {
            string? next = place switch { "work" => "done", "ttl" => "expired", "q0" or "f0" => $"dead:{place}", _ => null };
            int copies = (IsIn(place, id) ? 1 : 0) + (next is not null && IsIn(next, id) ? 1 : 0);
            bool mayBeGone = ledger.MaybeAcked.Contains((place, id)) || !isConfirmed;
            if (copies == 0 && !mayBeGone)
            {
                ledger.Faults.Add($"LOST: {id} was confirmed for {target} and is not in {place}{(next is null ? "" : $" or {next}")}; delivered: {ledger.Delivered.Contains((place, id))}.");
            }
            else if (copies > 1)
            {
                ledger.Faults.Add($"{id} is in {place} and in {next}.");
            }

            if (copies > 0 && ledger.Acked.Contains((place, id)))
            {
                ledger.Faults.Add($"{id} was acknowledged in {place} and is back.");
            }

            if (IsIn(place, id) && ledger.Rejected.Contains((place, id)))
            {
                ledger.Faults.Add($"{id} was rejected in {place} and is still there.");
            }
        }
    }

    // What was never confirmed may be there or not, but whole: in both queues of the fan-out or in neither.
    private void JudgeUnconfirmed(string id)
    {
        if (ledger.Deleted.Contains(id))
        {
            ledger.Faults.Add($"{id} is there, though its queue was deleted.");
        }

        foreach (string target in (string[])["q0", "work", "ttl", CampaignSetup.Sparse])
        {
            JudgeMessage(id, target, isConfirmed: false);
        }

        bool isInFirst = IsIn("f0", id) || IsIn("dead:f0", id) || ledger.MaybeAcked.Contains(("f0", id));
        if (isInFirst != IsIn("f1", id))
        {
            ledger.Faults.Add($"{id} is in one queue of the fan-out only.");
        }
    }

    private bool IsIn(string place, string id) => _ids.TryGetValue(place, out HashSet<string>? ids) && ids.Contains(id);

    private HashSet<string> IdsOf(string place)
    {
        if (!_ids.TryGetValue(place, out HashSet<string>? ids))
        {
            _ids.Add(place, ids = []);
        }

        return ids;
    }
}
