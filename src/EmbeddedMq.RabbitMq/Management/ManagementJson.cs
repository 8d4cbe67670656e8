using System.Buffers;
using System.Text;
using System.Text.Json;

namespace EmbeddedMq.RabbitMq.Management;

/// <summary>The JSON of the HTTP API.</summary>
/// <remarks>JSON has no integer types, so a number comes back as <see cref="int"/> where it fits, as <see cref="long"/> where it does not, and as
/// <see cref="double"/> where it has a fraction.</remarks>
internal static class ManagementJson
{
    /// <summary>Writes an object.</summary>
    /// <param name="write">Writes its properties.</param>
    internal static byte[] Object(Action<Utf8JsonWriter> write)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Writes a table.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="table">The table.</param>
    internal static void Write(Utf8JsonWriter json, HeaderTable table)
    {
        json.WriteStartObject();
        foreach (KeyValuePair<string, object?> entry in table.Entries)
        {
            json.WritePropertyName(entry.Key);
            WriteValue(json, entry.Value);
        }

        json.WriteEndObject();
    }

    /// <summary>A text property; empty when it is missing.</summary>
    /// <param name="item">The object.</param>
    /// <param name="property">Its property.</param>
    internal static string Text(JsonElement item, string property)
        => item.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    /// <summary>The reason in an error's body.</summary>
    /// <param name="answer">The body.</param>
    internal static string Reason(byte[] answer)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(answer);
            return Text(document.RootElement, "reason");
        }
        catch (JsonException)
        {
            return Encoding.UTF8.GetString(answer);
        }
    }

    /// <summary>The API's name of what a policy applies to.</summary>
    /// <param name="target">What it applies to.</param>
    internal static string NameOf(PolicyTarget target) => target switch
    {
        PolicyTarget.Exchanges => "exchanges",
        PolicyTarget.Queues => "queues",
        PolicyTarget.ClassicQueues => "classic_queues",
        PolicyTarget.QuorumQueues => "quorum_queues",
        _ => "all",
    };

    /// <summary>Reads a policy.</summary>
    /// <param name="item">The object.</param>
    internal static Policy Policy(JsonElement item) => new(Text(item, "name"), Text(item, "pattern"), Table(item, "definition"))
    {
        Priority = (int)Number(item, "priority"),
        ApplyTo = Text(item, "apply-to") switch
        {
            "exchanges" => PolicyTarget.Exchanges,
            "queues" => PolicyTarget.Queues,
            "classic_queues" => PolicyTarget.ClassicQueues,
            "quorum_queues" => PolicyTarget.QuorumQueues,
            _ => PolicyTarget.All,
        },
    };

    /// <summary>Reads an exchange.</summary>
    /// <param name="item">The object.</param>
    internal static ExchangeDescription Exchange(JsonElement item)
    {
        ExchangeDeclaration declaration = new(Text(item, "name"), Text(item, "type"))
        {
            IsDurable = Flag(item, "durable"),
            IsAutoDelete = Flag(item, "auto_delete"),
            IsInternal = Flag(item, "internal"),
            Arguments = Table(item, "arguments"),
        };
        return new ExchangeDescription(declaration, TextOrNull(item, "policy"), Total(item, "publish_in"));
    }

    /// <summary>Reads a queue.</summary>
    /// <param name="item">The object.</param>
    internal static QueueDescription Queue(JsonElement item)
    {
        QueueDeclaration declaration = new(Text(item, "name"))
        {
            IsDurable = Flag(item, "durable"),
            IsExclusive = Flag(item, "exclusive"),
            IsAutoDelete = Flag(item, "auto_delete"),
            Arguments = Table(item, "arguments"),
        };
        return new QueueDescription(declaration)
        {
            Policy = TextOrNull(item, "policy"),
            ReadyCount = Number(item, "messages_ready"),
            ReadyBytes = Number(item, "message_bytes_ready"),
            UnackedCount = Number(item, "messages_unacknowledged"),
            ConsumerCount = (int)Number(item, "consumers"),
            ActiveConsumerTag = TextOrNull(item, "single_active_consumer_tag"),
            EnqueuedTotal = Total(item, "publish"),
            AckedTotal = Total(item, "ack") + Total(item, "deliver_no_ack") + Total(item, "get_no_ack"),
            RequeuedTotal = Total(item, "redeliver"),
        };
    }

    /// <summary>Reads a binding.</summary>
    /// <param name="item">The object.</param>
    internal static BindingDescription Binding(JsonElement item) => new(
        Text(item, "source"),
        Text(item, "destination"),
        Text(item, "destination_type") == "exchange" ? DestinationKind.Exchange : DestinationKind.Queue,
        Text(item, "routing_key"),
        Table(item, "arguments"));

    /// <summary>Reads a connection.</summary>
    /// <param name="item">The object.</param>
    internal static ConnectionDescription Connection(JsonElement item)
    {
        string name = item.TryGetProperty("client_properties", out JsonElement client) ? Text(client, "connection_name") : "";
        return new ConnectionDescription(
            name.Length > 0 ? name : Text(item, "name"),
            Text(item, "vhost"),
            Text(item, "user"),
            (int)Number(item, "channels"),
            Text(item, "state") is "blocked" or "blocking" ? Text(item, "state") : null);
    }

    private static string? TextOrNull(JsonElement item, string property) => Text(item, property) is { Length: > 0 } text ? text : null;

    private static bool Flag(JsonElement item, string property) => item.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    private static long Number(JsonElement item, string property)
        => item.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : 0;

    private static long Total(JsonElement item, string property) => item.TryGetProperty("message_stats", out JsonElement stats) ? Number(stats, property) : 0;

    // Where a table is empty, some answers of the API have an empty list.
    private static HeaderTable Table(JsonElement item, string property)
        => item.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.Object ? Table(value) : HeaderTable.Empty;

    private static HeaderTable Table(JsonElement table) => new(table.EnumerateObject().Select(static entry => KeyValuePair.Create(entry.Name, Value(entry.Value))));

    private static object? Value(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number when value.TryGetInt32(out int number) => number,
        JsonValueKind.Number when value.TryGetInt64(out long number) => number,
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.Object => Table(value),
        JsonValueKind.Array => value.EnumerateArray().Select(Value).ToList(),
        _ => null,
    };

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case HeaderTable table:
                Write(json, table);
                break;
            case IReadOnlyList<object?> list:
                json.WriteStartArray();
                foreach (object? item in list)
                {
                    WriteValue(json, item);
                }

                json.WriteEndArray();
                break;
            case float or double:
                json.WriteNumberValue(Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture));
                break;
            case decimal number:
                json.WriteNumberValue(number);
                break;
            default:
                json.WriteNumberValue(HeaderTable.TryGetInteger(value, out long integer)
                    ? integer
                    : throw new ArgumentException($"A value of type {value.GetType()} has no form in the JSON of the server's HTTP API."));
                break;
        }
    }
}
