namespace EmbeddedMq.Outbox;

/// <summary>An outbox entry as the message of an internal queue: the body and the properties as they are, and the rest in one header.</summary>
/// <remarks>
/// The header is a table: <c>id</c>, <c>exchange</c>, <c>key</c>, <c>mandatory</c>, <c>order</c>, <c>stored</c>, <c>changed</c> and <c>due</c> (milliseconds since 1970, UTC),
/// <c>status</c> (the number of <see cref="OutboxStatus"/>), <c>attempts</c>, <c>error</c>, and <c>expiration</c> and <c>mode</c>, which would mean something to the queue itself.
/// What is left out is null, 0 or false.
/// </remarks>
internal static class OutboxEnvelope
{
    // As much of an error as is worth keeping; the log has the rest.
    private const int MostErrorChars = 2_000;

    private const string Header = "x-embeddedmq-outbox";

    /// <summary>Makes the message of the queue.</summary>
    /// <param name="entry">The entry.</param>
    internal static Message Wrap(OutboxEntry entry)
    {
        OutboxMessage message = entry.Message;
        MessageProperties properties = message.Message.Properties;
        List<KeyValuePair<string, object?>> values =
        [
            new("id", message.Id),
            new("exchange", message.Exchange),
            new("key", message.RoutingKey),
            new("mandatory", message.Mandatory),
            new("stored", entry.StoredAt.ToUnixTimeMilliseconds()),
            new("changed", entry.ChangedAt.ToUnixTimeMilliseconds()),
        ];
        AddUnless(message.OrderKey is null, "order", message.OrderKey);
        AddUnless(entry.Status == OutboxStatus.Pending, "status", (int)entry.Status);
        AddUnless(entry.Attempts == 0, "attempts", entry.Attempts);
        AddUnless(entry.LastError is null, "error", Shorten(entry.LastError));
        AddUnless(entry.DueAt <= DateTimeOffset.UnixEpoch, "due", entry.DueAt.ToUnixTimeMilliseconds());
        AddUnless(properties.Expiration is null, "expiration", properties.Expiration);
        AddUnless(properties.DeliveryMode is null, "mode", (int)properties.DeliveryMode.GetValueOrDefault());
        return message.Message.WithProperties(properties with
        {
            Expiration = null,
            DeliveryMode = DeliveryMode.Persistent,
            Headers = (properties.Headers ?? HeaderTable.Empty).With(Header, new HeaderTable(values)),
        });

        void AddUnless(bool isLeftOut, string name, object? value)
        {
            if (!isLeftOut)
            {
                values.Add(new(name, value));
            }
        }
    }

    /// <summary>Reads an entry.</summary>
    /// <param name="message">The message of the queue.</param>
    /// <param name="attempts">How often the queue's own notes say that it was taken.</param>
    internal static OutboxEntry Unwrap(Message message, int attempts)
    {
        HeaderTable all = message.Properties.Headers!;
        HeaderTable values = (HeaderTable)all[Header]!;
        HeaderTable rest = all.Without(Header);
        DateTimeOffset storedAt = Time("stored");
        return new OutboxEntry
        {
            Message = new OutboxMessage
            {
                Id = (string)values["id"]!,
                Exchange = (string)values["exchange"]!,
                RoutingKey = (string)values["key"]!,
                Mandatory = (bool)values["mandatory"]!,
                OrderKey = (string?)values.GetValueOrDefault("order"),
                Message = message.WithProperties(message.Properties with
                {
                    Expiration = (string?)values.GetValueOrDefault("expiration"),
                    DeliveryMode = values.ContainsKey("mode") ? (DeliveryMode)Number("mode") : null,
                    Headers = rest.Count == 0 ? null : rest,
                }),
            },
            Status = (OutboxStatus)Number("status"),
            Attempts = Math.Max((int)Number("attempts"), attempts),
            LastError = (string?)values.GetValueOrDefault("error"),
            StoredAt = storedAt,
            ChangedAt = Time("changed"),
            DueAt = values.ContainsKey("due") ? Time("due") : storedAt,
        };

        long Number(string name) => HeaderTable.TryGetInteger(values.GetValueOrDefault(name), out long number) ? number : 0;

        DateTimeOffset Time(string name) => DateTimeOffset.FromUnixTimeMilliseconds(Number(name));
    }

    /// <summary>The beginning of an error that is kept.</summary>
    /// <param name="error">The error.</param>
    internal static string? Shorten(string? error)
        => error is null || error.Length <= MostErrorChars ? error : string.Concat(error.AsSpan(0, MostErrorChars), "…");
}
