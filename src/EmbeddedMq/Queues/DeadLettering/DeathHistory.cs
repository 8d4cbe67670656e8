using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Writes deaths into a message's headers, and finds cycles in them.</summary>
/// <remarks>
/// <para>Pure. Source: RabbitMQ 3.10, rabbit_dead_letter (make_msg, update_x_death_header, is_cycle); <c>x-last-death-*</c> from 3.13.</para>
/// <para>As in 3.10, an <c>x-death</c> that a publisher sent is trusted: its entries count. Applications that republish a dead message by
/// hand keep its history that way. RabbitMQ 4 ignores it.</para>
/// <para>One difference: the history stays newest first, as documented. RabbitMQ 3.10 turns the older entries round with each death from
/// the third on (group_by_queue_and_reason folds them into the reverse order); RabbitMQ 4 does not.</para>
/// <para>Another: the history is at most <see cref="MostBytes"/> long, lest a message outgrow what can be stored of it and be lost. Beyond that, the
/// oldest entries first, an entry says no more than the first of its routing keys, which alone may be long; then it goes. RabbitMQ knows no bound, and
/// sends frames longer than agreed.</para>
/// </remarks>
internal static class DeathHistory
{
    /// <summary>How long a history may be, encoded: 512 KiB, hundreds of queues with the longest names. See <see cref="BrokerLimits.MostStoredHeaderBytes"/>.</summary>
    internal const int MostBytes = 512 << 10;

    private const string XDeath = "x-death";
    private const string Keys = "routing-keys";
    private const string CarbonCopy = "CC";
    private const string Count = "count";
    private const string Reason = "reason";
    private const string Queue = "queue";
    private const string Rejected = "rejected";

    /// <summary>Makes the message that a queue publishes to its dead-letter exchange.</summary>
    /// <param name="message">The message that died.</param>
    /// <param name="cause">How.</param>
    /// <remarks>The expiration moves from the properties into the history, lest it expire at once where it goes. A dead-letter routing key
    /// takes the place of all keys: of CC, whose header goes, and of BCC.</remarks>
    internal static DeadLetter Record(Message message, in DeathCause cause)
    {
        bool keepsKeys = cause.DeadLetterRoutingKey is null;
        MessageProperties properties = message.Properties with
        {
            Expiration = null,
            Headers = WithDeath(message.Headers, message.Properties.Expiration, cause, keepsKeys),
        };
        return new DeadLetter(message.WithProperties(properties), cause.DeadLetterRoutingKey ?? cause.RoutingKey, keepsKeys ? cause.BccKeys : []);
    }

    /// <summary>Whether a dead message must not go to a queue because it would circle without anybody's doing.</summary>
    /// <param name="headers">The headers of the dead message, its latest death among them.</param>
    /// <param name="targetQueue">A queue that the dead-letter exchange routed it to.</param>
    /// <param name="reason">Why it died last.</param>
    /// <returns>Whether to drop it there: it died in that queue before, and nobody rejected it since.</returns>
    internal static bool IsCycle(HeaderTable headers, string targetQueue, DeathReason reason)
    {
        if (reason == DeathReason.Rejected || headers.GetValueOrDefault(XDeath) is not IReadOnlyList<object?> deaths)
        {
            return false;
        }

        foreach (object? death in deaths)
        {
            // An entry that no broker writes was put in by somebody, and so was the rejected one: not a cycle of its own.
            if (death is not HeaderTable entry || entry.GetValueOrDefault(Reason) is Rejected)
            {
                return false;
            }

            if (entry.GetValueOrDefault(Queue) is string queue && queue == targetQueue)
            {
                return true;
            }
        }

        return false;
    }

    private static HeaderTable WithDeath(HeaderTable headers, string? expiration, in DeathCause cause, bool keepsKeys)
    {
        string reason = cause.Reason.ToHeader();
        bool isFirst = !headers.ContainsKey(XDeath);
        List<KeyValuePair<string, object?>> entries = new(headers.Count + 7);
        foreach (KeyValuePair<string, object?> header in headers)
        {
            if (keepsKeys || header.Key != CarbonCopy)
            {
                entries.Add(header);
            }
        }

        // A later entry of a table takes the place of an earlier one of its name.
        if (isFirst)
        {
            entries.Add(new("x-first-death-reason", reason));
            entries.Add(new("x-first-death-queue", cause.Queue));
            entries.Add(new("x-first-death-exchange", cause.Exchange));
        }

        entries.Add(new("x-last-death-reason", reason));
        entries.Add(new("x-last-death-queue", cause.Queue));
        entries.Add(new("x-last-death-exchange", cause.Exchange));
        List<object?> deaths = Deaths(headers, expiration, cause, reason);
        Shorten(deaths);
        entries.Add(new(XDeath, deaths));
        return new HeaderTable(entries);
    }

    private static List<object?> Deaths(HeaderTable headers, string? expiration, in DeathCause cause, string reason)
    {
        HeaderTable death = NewEntry(headers, expiration, cause, reason);

        // Clients that turn headers into strings send an x-death that is no list; it starts anew.
        if (headers.GetValueOrDefault(XDeath) is not IReadOnlyList<object?> earlier)
        {
            return [death];
        }

        List<object?> others = new(earlier.Count + 1) { null };
        HeaderTable? same = null;
        int sameCount = 0;
        foreach (object? item in earlier)
        {
            if (!IsOf(item, cause.Queue, reason, out HeaderTable? entry))
            {
                others.Add(item);
                continue;
            }

            // Very old brokers wrote an entry per death, without a count; all of them become one, the newest.
            same ??= entry;
            sameCount++;
        }

        others[0] = Sorted(same is null ? death : same.With(Count, Increment(same.GetValueOrDefault(Count), sameCount)));
        return others;
    }

    // A death of the past is known by queue, reason and count, by which circles are found: its keys go first.
    private static void Shorten(List<object?> deaths)
    {
        long bytes = HeaderSize.OfList(deaths);
        for (int i = deaths.Count - 1; i >= 0 && bytes > MostBytes; i--)
        {
            if (deaths[i] is HeaderTable entry && entry.GetValueOrDefault(Keys) is IReadOnlyList<object?> { Count: > 1 } keys)
            {
                HeaderTable shorter = entry.With(Keys, new List<object?> { keys[0] });
                bytes -= HeaderSize.OfTable(entry) - HeaderSize.OfTable(shorter);
                deaths[i] = shorter;
            }
        }

        while (bytes > MostBytes && deaths.Count > 1)
        {
            bytes -= HeaderSize.OfList([deaths[^1]]) - HeaderSize.OfList([]);
            deaths.RemoveAt(deaths.Count - 1);
        }
    }

    private static HeaderTable NewEntry(HeaderTable headers, string? expiration, in DeathCause cause, string reason)
    {
        List<KeyValuePair<string, object?>> entry =
        [
            new(Count, 1L),
            new(Reason, reason),
            new(Queue, cause.Queue),
            new("time", cause.Time),
            new("exchange", cause.Exchange),
            new(Keys, RoutingKeys(cause.RoutingKey, headers)),
        ];
        if (expiration is not null)
        {
            entry.Add(new("original-expiration", expiration));
        }

        return new HeaderTable(entry);
    }

    private static List<object?> RoutingKeys(string routingKey, HeaderTable headers)
    {
        List<object?> keys = [routingKey];
        if (headers.GetValueOrDefault(CarbonCopy) is IReadOnlyList<object?> copies)
        {
            keys.AddRange(copies.OfType<string>());
        }

        return keys;
    }

    private static bool IsOf(object? item, string queue, string reason, [NotNullWhen(true)] out HeaderTable? entry)
    {
        entry = item as HeaderTable;
        return entry is not null
            && entry.GetValueOrDefault(Queue) is string entryQueue && entryQueue == queue
            && entry.GetValueOrDefault(Reason) is string entryReason && entryReason == reason;
    }

    private static long Increment(object? count, int entryCount)
    {
        if (!HeaderTable.TryGetInteger(count, out long number))
        {
            number = entryCount;
        }

        return number == long.MaxValue ? number : number + 1; // a forged count must not turn negative
    }

    // From the second death on RabbitMQ writes the newest entry with its fields sorted by name.
    private static HeaderTable Sorted(HeaderTable entry) => new(entry.OrderBy(static field => field.Key, StringComparer.Ordinal));
}
