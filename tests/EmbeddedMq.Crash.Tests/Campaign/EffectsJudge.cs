namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>Counts the effects that killed processes have left: one for each message, with what is still to be dealt with.</summary>
/// <param name="ledger">What is known.</param>
internal sealed class EffectsJudge(Ledger ledger)
{
    /// <summary>How many effects were found.</summary>
    public int EffectCount { get; private set; }

    /// <summary>Judges; what is wrong is added to the ledger's faults.</summary>
    /// <param name="broker">The broker, just started.</param>
    /// <param name="channel">A channel.</param>
    public async Task RunAsync(Broker broker, IChannel channel)
    {
        List<string> effects = await DrainAsync(channel, Effects.Target);
        EffectCount = effects.Count;
        HashSet<string> done = [.. effects];
        foreach (string id in effects.GroupBy(static id => id).Where(static copies => copies.Count() > 1).Select(static copies => copies.Key))
        {
            ledger.Faults.Add($"The effect of {id} is there more than once.");
        }

        foreach (string id in ledger.EffectsPublished.Concat(ledger.EffectsCommitted).Concat(done).Distinct())
        {
            bool isKnown = broker.Store.Receipts.TryFind(Effects.KeyOf(id), out _);
            if (isKnown != done.Contains(id))
            {
                ledger.Faults.Add($"The effect of {id} is {(isKnown ? "not there, and a receipt says that it is" : "there without a receipt")}.");
            }
        }

        foreach (string id in ledger.EffectsCommitted.Where(id => !done.Contains(id)))
        {
            ledger.Faults.Add($"LOST: the commit of {id} had returned, and its effect is not there.");
        }

        // What would be done next: duplicates are passed over.
        done.UnionWith(await DrainAsync(channel, Effects.Source));
        foreach (string id in ledger.EffectsPublished.Where(id => !done.Contains(id)))
        {
            ledger.Faults.Add($"LOST: {id} was confirmed, and neither it nor its effect is there.");
        }
    }

    private static async Task<List<string>> DrainAsync(IChannel channel, string queue)
    {
        List<string> ids = [];
        while (await channel.GetAsync(queue, autoAck: true) is { } got)
        {
            ids.Add(Bodies.Read(got.Delivery.Body.Span));
        }

        return ids;
    }
}
