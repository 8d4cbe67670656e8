namespace EmbeddedMq;

/// <summary>One entry of a message's dead-letter history: one queue and one reason, with a count.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Queue">The queue in which it died.</param>
/// <param name="Count">How often, there and for that reason.</param>
/// <param name="Time">When first; whole seconds.</param>
/// <param name="Exchange">The exchange that it had been published to at the first death.</param>
/// <param name="RoutingKeys">The routing key and CC keys that it had then.</param>
/// <param name="OriginalExpiration">The expiration that it had then and that was removed, in milliseconds as decimal digits.</param>
/// <remarks>Source: RabbitMQ dead lettering, header <c>x-death</c>.</remarks>
public sealed record Death(
    DeathReason Reason,
    string Queue,
    long Count,
    DateTimeOffset Time,
    string Exchange,
    IReadOnlyList<string> RoutingKeys,
    string? OriginalExpiration)
{
    /// <summary>Reads the history from a message's headers, the newest first. Entries that are not of the known shape are left out.</summary>
    /// <param name="headers">The headers.</param>
    public static IReadOnlyList<Death> ReadFrom(HeaderTable headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        if (!headers.TryGetValue("x-death", out object? value) || value is not IReadOnlyList<object?> entries)
        {
            return [];
        }

        List<Death> deaths = new(entries.Count);
        foreach (object? entry in entries)
        {
            if (entry is HeaderTable table && TryRead(table, out Death? death))
            {
                deaths.Add(death);
            }
        }

        return deaths;
    }

    private static bool TryRead(HeaderTable table, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Death? death)
    {
        death = null;
        if (table.GetValueOrDefault("queue") is not string queue || ParseReason(table.GetValueOrDefault("reason") as string) is not { } reason)
        {
            return false;
        }

        List<string> keys = [];
        if (table.GetValueOrDefault("routing-keys") is IReadOnlyList<object?> list)
        {
            keys.AddRange(list.OfType<string>());
        }

        death = new Death(
            reason,
            queue,
            table.GetValueOrDefault("count") is { } count && HeaderTable.TryGetInteger(count, out long number) ? number : 1,
            table.GetValueOrDefault("time") is DateTimeOffset time ? time : DateTimeOffset.UnixEpoch,
            table.GetValueOrDefault("exchange") as string ?? "",
            keys,
            table.GetValueOrDefault("original-expiration") as string);
        return true;
    }

    private static DeathReason? ParseReason(string? name) => name switch
    {
        "rejected" => DeathReason.Rejected,
        "expired" => DeathReason.Expired,
        "maxlen" => DeathReason.MaxLength,
        "delivery_limit" => DeathReason.DeliveryLimit,
        _ => null,
    };
}
